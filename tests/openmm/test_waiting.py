"""Losses and gradient norms reach the log as mmengine's own hooks bring them there, and no step waits for them."""
from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from mmengine import MessageHub
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from pipelines.openmm.engine import waiting  # noqa: F401 (registers itself)
from tools.bench.launch_count import Counts, counted


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        off = self.layer(torch.stack(list(inputs))).square()
        return dict(loss_square=off.mean(), loss_small=off.mean() * 0.1, acc=off.detach().max())


class CountHook(Hook):
    """Waits of each iteration, from before its step to after all hooks but this one."""
    priority = 'LOWEST'

    def __init__(self) -> None:
        self.waits = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.counts = Counts()
        self.mode = counted(self.counts)
        self.mode.__enter__()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.mode.__exit__(None, None, None)
        self.waits.append(sum(sum(counter.values()) for counter in self.counts.waits.values()))


def train(folder: Path, info: str, wrapper: str, epochs: int = 2, resume: bool = False) -> tuple[Runner, list[int]]:
    torch.manual_seed(0)
    data = [dict(inputs=torch.tensor([1., i, -i]), data_samples=i) for i in range(26)]
    count = CountHook()
    runner = Runner(
        Line(), str(folder), train_dataloader=dict(dataset=data, batch_size=2, num_workers=0,
                                                   sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=epochs), log_level='ERROR', resume=resume,
        optim_wrapper=dict(type=wrapper, optimizer=dict(type='SGD', lr=1e-3), clip_grad=dict(max_norm=0.5)),
        default_hooks=dict(runtime_info=dict(type=info), logger=dict(type='LoggerHook', interval=5)),
        custom_hooks=[count], experiment_name=f'{folder.name}-{epochs}', default_scope='mmengine',
        randomness=dict(seed=0))
    runner.train()
    return runner, count.waits


def history(hub: MessageHub) -> dict[str, list[float]]:
    return {name: buffer.data[0].tolist() for name, buffer in hub.log_scalars.items() if 'time' not in name}


def test_the_log_is_mmengines_and_steps_do_not_wait(tmp_path):
    theirs, their_waits = train(tmp_path / 'stock', 'RuntimeInfoHook', 'OptimWrapper')
    ours, waits = train(tmp_path / 'ours', 'UnhurriedInfoHook', 'UnhurriedOptimWrapper')
    expected, found = history(theirs.message_hub), history(ours.message_hub)
    assert {'train/loss', 'train/loss_small', 'train/acc', 'train/grad_norm', 'train/lr'} <= found.keys()
    assert found == expected and len(found['train/loss']) == 26
    assert min(their_waits) == 5  # four numbers of the network, and the norm
    assert [waits[step] for step in (0, 3, 5, 8, 10, 11)] == [0] * 6 and waits[4] > 0  # 5, 10 and an epoch's 13 log
    saved = [torch.load(tmp_path / name / 'epoch_1.pth', weights_only=False)['message_hub']['log_scalars']
             for name in ('stock', 'ours')]
    assert saved[0]['train/loss'].data[0].tolist() == saved[1]['train/loss'].data[0].tolist()


def test_what_nobody_reads_does_not_pile_up(monkeypatch):
    monkeypatch.setattr(waiting, 'MOST', 3)
    hub = copy.copy(MessageHub.get_instance('piles'))
    for number in range(4):
        waiting.keep(hub, {'train/loss': torch.tensor(float(number))})
    assert hub.get_scalar('train/loss').data[0].tolist() == [0, 1, 2, 3] and not waiting._unread


@pytest.mark.parametrize('shape', [(2,), (0,)])
def test_only_numbers_are_kept(shape):
    with pytest.raises(RuntimeError, match='shape'):
        waiting.keep(MessageHub.get_instance('numbers'), {'train/loss': torch.zeros(shape)})
