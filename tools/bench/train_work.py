"""The work of a network's step, counted, and what the machine can do at most, measured."""
from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from tools.bench.clock import now

aten = torch.ops.aten
ALLOCATE = {aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.new_empty_strided}
OVERWRITE = {aten.copy_, aten.fill_, aten.zero_}  # their first operand is not read


@dataclass
class Work:
    """What one step does.

    Args:
        flops: by the operands' precision ('float32'); of matrix products, convolutions and attention, a multiply-add
            being two, as torch's FlopCounterMode counts.
        traffic: bytes of the operands and results of all operators that torch dispatches, views left out: the least
            that moves if every operator reads and writes memory. Fused operators, and caches, move less.
    """
    flops: Counter[str] = field(default_factory=Counter)
    traffic: int = 0


def _bytes(values: Any) -> int:
    """Of the tensors in a tree; along an expanded dimension (stride 0) there is one element."""
    return sum(value.element_size() * prod(size for size, stride in zip(value.shape, value.stride()) if stride)
               for value in tree_leaves(values) if isinstance(value, Tensor))


def _storages(values: Any) -> set[int]:
    return {value.untyped_storage()._cdata for value in tree_leaves(values) if isinstance(value, Tensor)}


class _Count(TorchDispatchMode):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        packet = func._overloadpacket
        if packet in flop_registry:
            dtype = str(args[0].dtype).removeprefix('torch.')
            self.work.flops[dtype] += flop_registry[packet](*args, **kwargs, out_val=result)
        view = not func._schema.is_mutable and _storages((args, kwargs)) & _storages(result)
        if packet not in ALLOCATE and not view:
            self.work.traffic += _bytes((args[1:] if packet in OVERWRITE else args, kwargs)) + _bytes(result)
        return result


@contextlib.contextmanager
def counted() -> Iterator[Work]:
    """Count the work of what runs in here, backward passes included; compiled parts run as they were written.

    Raises:
        RuntimeError: torch's own counter finds other FLOPs.
    """
    work, whole = Work(), FlopCounterMode(display=False)  # which also takes composite operators apart
    with torch.compiler.set_stance('force_eager'), _Count(work), whole:
        yield work
    if whole.get_total_flops() != sum(work.flops.values()):
        raise RuntimeError(f'FLOPs by precision {dict(work.flops)}, in all {whole.get_total_flops()}')


def _best(run: Callable[[], Any], times: int) -> float:
    run()
    seconds = []
    for _ in range(times):
        start = now()
        run()
        seconds.append(now() - start)
    return min(seconds)


def limits() -> dict[str, float]:
    """The most that this machine was seen to do, with the threads of this process.

    Returns:
        FLOP/s by precision, the best of ten square matrix products (on a GPU of 8192, float32 through TF32; else of
        1024) and ten 3 x 3 convolutions of 256 channels, which on some CPUs are faster; and ``bytes``: read and written
        per second by a copy larger than caches.
    """
    gpu = torch.cuda.is_available()
    device, side, count, size = ('cuda', 8192, 256, 2 << 30) if gpu else ('cpu', 1024, 4, 256 << 20)
    torch.backends.cuda.matmul.allow_tf32 = True
    found = {}
    for name in ('float32', 'bfloat16', 'float64', *(['float16'] if gpu else [])):
        a = torch.randn(side, side, device=device).to(getattr(torch, name))
        b, out = a.clone(), torch.empty_like(a)
        found[name] = 2 * side ** 3 / _best(functools.partial(torch.mm, a, b, out=out), 10)
        if name != 'float64':  # a CPU has no fast one
            images = torch.randn(count, 256, 56, 56, device=device).to(a, memory_format=torch.channels_last)
            weights = torch.randn(256, 256, 3, 3, device=device).to(a, memory_format=torch.channels_last)
            seconds = _best(functools.partial(torch.conv2d, images, weights, padding=1), 10)
            found[name] = max(found[name], 2 * count * 56 ** 2 * 256 ** 2 * 9 / seconds)
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return found | dict(bytes=2 * size / _best(lambda: target.copy_(source), 10))


def share(work: Work, seconds: float, limit: dict[str, float]) -> tuple[float, float]:
    """Of the time of a step, what its FLOPs, and what its bytes, would take at the machine's limits."""
    return (sum(count / limit[name] for name, count in work.flops.items()) / seconds,
            work.traffic / limit['bytes'] / seconds)
