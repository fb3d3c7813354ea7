"""What a config asks for under ``speed``, and the loaders a machine can feed (docs/speed.md).

    speed = dict(dtype='bfloat16', channels_last=True, compile=['backbone'], compile_mode='default')

`network.build` applies it: a network is judged by the numbers it is used with.
"""
from __future__ import annotations

import functools
import os
import shutil
import types
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from pipelines.core import machine
from pipelines.core.errors import InputError
from pipelines.openmm.engine.devices import device

DTYPES = ('float32', 'bfloat16')
HEADS = ('head', 'bbox_head', 'rpn_head')


def native() -> str:
    """What ``dtype='auto'`` is here: bfloat16 where the GPU, or without one the CPU, computes in it, else float32."""
    if device() == 'cpu':
        found = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        found = torch.cuda.is_bf16_supported(including_emulation=False)
    return 'bfloat16' if found else 'float32'


def apply(network: nn.Module, *, dtype: str = 'float32', channels_last: bool = False, compile: str | Sequence[str] = (),
          compile_mode: str = 'default') -> nn.Module:
    """Change how a network computes, in place; parameters, their names and checkpoints stay as they are.

    Args:
        network: a detector, a classifier, a GAN or a generator, with float32 weights.
        dtype: bfloat16: its forward passes run under autocast. Weights, optimiser, losses, scores and boxes stay
            float32, and no loss is scaled: bfloat16 has float32's range.
        channels_last: (N, C, H, W) as N, H, W, C in memory; convolutions hand it on from their weights.
        compile: parts that go through torch.compile, as attributes (``backbone``, ``roi_head.bbox_head``).
        compile_mode: torch.compile's; ``reduce-overhead`` is CUDA graphs.
    Returns:
        the network.
    Raises:
        InputError: another dtype, a part that is not there, CUDA graphs without a GPU, or no compiler.
    """
    check(dtype, compile, compile_mode)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    if dtype == 'bfloat16':
        for part in _whole(network):
            _autocast(part)
    for name in [compile] if isinstance(compile, str) else compile:
        try:
            part = network.get_submodule(name)
        except AttributeError:
            children = ', '.join(child for child, _ in network.named_children())
            raise InputError('speed.compile', expected=f'parts of {children}', found=name,
                             remedy='correct the name') from None
        if type(part).forward.__module__.startswith('torch.nn'):
            raise InputError('speed.compile', expected='a part with a forward of its own', remedy='name what it is in',
                             found=f"{name}, a {type(part).__name__}: torch leaves its own modules' forward uncompiled")
        part.compile(mode=compile_mode)  # in place: torch.compile(part) would rename its parameters
    return network


def check(dtype: str = 'float32', compile: str | Sequence[str] = (), compile_mode: str = 'default',
          **other: Any) -> None:
    """What can be said of these values before a network is built.

    Raises:
        InputError: as `apply`.
    """
    if dtype not in DTYPES:
        raise InputError('speed.dtype', expected='auto, ' + ' or '.join(DTYPES), found=str(dtype),
                         remedy='take bfloat16; float16 would need a scaled loss')
    if compile:
        _check_compiler(compile_mode)
    elif compile_mode != 'default':
        raise InputError('speed.compile_mode', expected='parts to compile in speed.compile', found='none',
                         remedy="name some, as compile=['backbone'], or take compile_mode out")


def _whole(network: nn.Module) -> list[nn.Module]:
    """The modules whose calls are autocast: of a GAN each network; else all of it, and its heads for their outputs."""
    if hasattr(network, 'generator'):
        average = [network.generator_ema.module] if getattr(network, 'generator_ema', None) is not None else []
        return [network.generator, *average, *([network.discriminator] if hasattr(network, 'discriminator') else [])]
    return [network, *(part for name, part in network.named_modules() if name.rpartition('.')[2] in HEADS)]


def _autocast(module: nn.Module) -> None:
    """Run a module's forward under autocast, and hand its tensors out in float32.

    A CPU's autocast leaves softmax and sigmoid in bfloat16, whose 8 bits make ties of scores: heads hand out float32.
    """
    forward = type(module).forward

    @functools.wraps(forward)
    def cast(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(next(self.parameters()).device.type, torch.bfloat16):
            return _float32(forward(self, *args, **kwargs))

    module.forward = types.MethodType(cast, module)  # bound: a deep copy's is bound to the copy


def _float32(output: Any) -> Any:
    if isinstance(output, torch.Tensor):
        return output.float() if output.dtype == torch.bfloat16 else output
    if isinstance(output, dict):
        return {name: _float32(value) for name, value in output.items()}
    return type(output)(map(_float32, output)) if type(output) in (list, tuple) else output


def _check_compiler(mode: str) -> None:
    """Both of torch.compile's backends build what they generate: C++ on a CPU, a C launcher around Triton on a GPU.

    Raises:
        InputError: none to build it with, or CUDA graphs on a CPU.
    """
    on_cpu = device() == 'cpu'
    if mode == 'reduce-overhead' and on_cpu:
        raise InputError('speed.compile_mode', expected="'default' where there is no GPU",
                         found="'reduce-overhead', which is CUDA graphs", remedy='take that line out')
    chosen, known = ('CXX', ('g++',)) if on_cpu else ('CC', ('gcc', 'clang'))  # as inductor and Triton look for them
    if not any(map(shutil.which, [os.environ[chosen]] if os.environ.get(chosen) else known)):
        raise InputError('speed.compile', expected=f'a compiler ({" or ".join(known)}, or {chosen}=...), which '
                         'torch.compile builds its code with', found='none',
                         remedy='install one, or take that line out: speed = dict(compile=[])')


# --- loaders ---

def cpus() -> int:
    """CPUs for this process: an equal share where several train or predict on this machine; at least 1."""
    sharing = machine.number('LOCAL_WORLD_SIZE') or machine.number('FGIC_JOBS', 1)  # torchrun's; our pools'
    return max(1, machine.cpus() // sharing)


def loader(config: Mapping[str, Any]) -> dict[str, Any]:
    """A loader's config for this machine: no more workers than CPUs, pinned memory only where there is a GPU."""
    found = dict(config, num_workers=min(config.get('num_workers', 0), cpus()))
    if found.get('pin_memory'):
        found['pin_memory'] = torch.cuda.is_available()
    return found
