"""``speed`` on a small network: precision, compiling, what is refused, and the loaders' workers (docs/speed.md)."""
from __future__ import annotations

import copy
import shutil

import pytest
import torch
from torch import Tensor, nn

from pipelines.core.errors import InputError
from pipelines.openmm.engine import speed


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> dict:
        features = self.backbone(images)
        return dict(features=features, scores=(self.head(features).softmax(dim=1), 'words'))


def test_heads_hand_out_float32_and_copies_are_their_own():
    network = speed.apply(Pair(), dtype='bfloat16')
    seen = []
    network.head.register_forward_hook(lambda module, inputs, output: seen.extend([inputs[0].dtype, output.dtype]))
    out = network(torch.ones(1, 4))
    assert seen == [torch.bfloat16, torch.float32]
    assert out['features'].dtype == out['scores'][0].dtype == torch.float32 and out['scores'][1] == 'words'
    assert abs(float(out['scores'][0].sum()) - 1) < 1e-6
    twin = copy.deepcopy(network)
    nn.init.zeros_(twin.head.weight)
    nn.init.zeros_(twin.head.bias)
    assert twin(torch.ones(1, 4))['scores'][0].tolist() == [[0.5, 0.5]] != out['scores'][0].tolist()


@pytest.mark.parametrize(('asked', 'says'), [
    (dict(dtype='float16'), r"speed\.dtype: expected auto, float32 or bfloat16, found float16"),
    (dict(compile=['neck']), r'speed\.compile: expected parts of backbone, head, found neck'),
    (dict(compile=['head']), r'speed\.compile: expected .* forward of its own, found head, a Linear'),
    (dict(compile='backbone', compile_mode='reduce-overhead'), r'compile_mode.*CUDA graphs\n.*take that line out')])
def test_what_cannot_be_done_is_said(asked, says, monkeypatch):
    monkeypatch.setattr(speed, 'device', lambda: 'cpu')
    monkeypatch.setattr(shutil, 'which', lambda name: name)
    with pytest.raises(InputError, match=says):
        speed.apply(Pair(), **asked)


@pytest.mark.parametrize(('device', 'variable', 'known'), [('cpu', 'CXX', r'g\+\+'), ('cuda:0', 'CC', 'gcc')])
def test_no_compiler_is_said_with_the_line_to_take_out(device, variable, known, monkeypatch, tmp_path):
    monkeypatch.setattr(speed, 'device', lambda: device)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InputError, match=rf'expected a compiler \(.*{known}.*found none\n.*dict\(compile=\[\]\)'):
        speed.apply(Pair(), compile=['backbone'])


def test_loaders_take_the_machine(monkeypatch):
    for name in ('LOCAL_WORLD_SIZE', 'FGIC_JOBS'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(speed.os, 'sched_getaffinity', lambda process: set(range(12)))
    asked = dict(num_workers=16, pin_memory=True, batch_size=3)
    assert speed.loader(asked) == dict(num_workers=12, pin_memory=torch.cuda.is_available(), batch_size=3)
    assert asked['num_workers'] == 16 and asked['pin_memory']
    assert speed.loader(dict(num_workers=0)) == dict(num_workers=0)
    monkeypatch.setenv('FGIC_JOBS', '5')
    assert speed.loader(asked)['num_workers'] == 2 and speed.loader(dict(num_workers=1))['num_workers'] == 1
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '16')
    assert speed.loader(asked)['num_workers'] == 1


@pytest.mark.mm
@pytest.mark.skipif(not shutil.which('g++'), reason='torch.compile needs g++')
def test_inductor_gives_the_same():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    network = Pair()
    names, images = list(network.state_dict()), torch.randn(4, 4, requires_grad=True)
    plain = network(images)['scores'][0]
    gradient, = torch.autograd.grad(plain.square().sum(), images)
    speed.apply(nn.ModuleDict(dict(both=network)), compile='both')
    compiled = network(images)['scores'][0]
    torch.testing.assert_close(compiled, plain, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(torch.autograd.grad(compiled.square().sum(), images)[0], gradient, rtol=1e-5, atol=1e-5)
    assert list(network.state_dict()) == names and torch._dynamo.utils.counters['frames']['ok'] == 1


@pytest.mark.mm
@pytest.mark.parametrize(('kind', 'settings'), [
    ('SGD', dict(lr=0.1, momentum=0.9, weight_decay=1e-4)),
    ('SGD', dict(lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)),
    ('Adam', dict(lr=1e-2, betas=(0., 0.999))), ('AdamW', dict(lr=1e-2, weight_decay=0.05))])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_a_fused_step_is_the_plain_one(kind, settings, memory_format):
    """With clipping and accumulation, as mmengine's wrapper does them."""
    from mmengine.optim import build_optim_wrapper
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(),
                          nn.Linear(16 * 36, 4))
    networks = first.to(memory_format=memory_format), copy.deepcopy(first)
    for network, one_kernel in zip(networks, (False, True)):
        wrapper = build_optim_wrapper(network, dict(
            type='OptimWrapper', accumulative_counts=2, clip_grad=dict(max_norm=0.1),
            optimizer=dict(type=kind, fused=one_kernel, foreach=False, **settings)))
        wrapper.initialize_count_status(network, 0, 10)
        images = torch.randn(10, 4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        for batch in images:
            wrapper.update_params(nn.functional.cross_entropy(network(batch), torch.arange(4)))
    plain, found = (torch.cat([value.flatten() for value in network.parameters()]) for network in networks)
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)
