"""Checkpoints: never lost, and resumed to the same numbers."""
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = '''
import sys, torch
from pathlib import Path
from mmengine import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS, DATASETS, METRICS
from mmengine.evaluator import BaseMetric
from torch.utils.data import Dataset
from pipelines.openmm import hooks, training

@DATASETS.register_module()
class Noise(Dataset):
    def __len__(self): return 12
    def __getitem__(self, i): return torch.randn(3)  # from the global generator, as augmentations draw

@MODELS.register_module()
class Line(BaseModel):
    def __init__(self, size=3):
        super().__init__()
        self.weight = torch.nn.Linear(3, 1)
        self.ballast = torch.nn.Parameter(torch.zeros(size))
    def forward(self, *rows, mode='loss'):
        inputs = torch.stack(rows)
        value = self.weight(inputs)
        return dict(loss=(value ** 2).mean() + 0 * self.ballast.sum()) if mode == 'loss' else [value.mean()]

@METRICS.register_module()
class Mean(BaseMetric):
    def process(self, batch, samples): self.results.extend(float(s) for s in samples)
    def compute_metrics(self, results): return dict(score=sum(results))

loader = dict(batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
              dataset=dict(type='Noise'))
cfg = Config(dict(
    model=dict(type='Line', size=int(sys.argv[2])), train_dataloader=loader, val_dataloader=loader,
    train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=int(sys.argv[3]), val_interval=1), val_cfg=dict(),
    val_evaluator=dict(type='Mean'), optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
    default_hooks=dict(logger=dict(type='LoggerHook', interval=1),
                       checkpoint=dict(type='SafeCheckpointHook', interval=1, max_keep_ckpts=1, save_best='score',
                                       rule='greater')), default_scope='mmengine'))
print(training.train(cfg, Path(sys.argv[1]), seed=0))
'''


@pytest.fixture
def command(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    return lambda folder, size=3, epochs=6: [sys.executable, str(script), str(folder), str(size), str(epochs)]


def losses(folder: Path) -> list[tuple]:
    return [tuple(json.loads(line).items()) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


@pytest.mark.mm
def test_resumed_training_has_the_same_numbers(command, tmp_path):
    import torch
    subprocess.run(command(tmp_path / 'whole'), check=True, capture_output=True)
    subprocess.run(command(tmp_path / 'parts', epochs=2), check=True, capture_output=True)
    (tmp_path / 'parts/model.pth').unlink()
    subprocess.run(command(tmp_path / 'parts'), check=True, capture_output=True)
    assert losses(tmp_path / 'whole') == losses(tmp_path / 'parts')
    assert len(losses(tmp_path / 'whole')) == 6 * 3 + 6
    whole, parts = (torch.load(tmp_path / name / 'model.pth', weights_only=True) for name in ('whole', 'parts'))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.mm
def test_killed_while_saving_it_goes_on(command, tmp_path):
    """Three kills inside the write of a 40 MB checkpoint; one is kept, and it always loads."""
    import torch
    folder, size = tmp_path / 'run', 10_000_000
    for _ in range(3):
        process = subprocess.Popen(command(folder, size, 1000), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if (folder / 'logs/last_checkpoint').exists() and any(folder.glob('logs/.epoch_*.partial')):
                break
        else:
            pytest.fail('no checkpoint was being written')
        process.send_signal(signal.SIGKILL)
        process.wait()
        last = Path((folder / 'logs/last_checkpoint').read_text())
        assert last in list(folder.glob('logs/epoch_*.pth'))
        assert torch.load(last, weights_only=False)['meta']['epoch'] >= 1
    before = torch.load(last, weights_only=False)['meta']['epoch']
    done = subprocess.run(command(folder, size, before + 1), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "'best_epoch': " in done.stdout
