"""A GAN by several processes."""
from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from pipelines.openmm.weights import loading as weights
from tests.launched import CONFIGS, ROOT, config, cropped, end, rows, start

BATCH = 8
pytestmark = pytest.mark.mm


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory):
    return cropped(toy_dogs_coco, tmp_path_factory.mktemp('work'))


def test_two_processes_train_a_generator(work, tmp_path):
    path, out = CONFIGS / 'synth/biggan-deep_64px.py', tmp_path / 'out'
    end(start('dist_train.sh', path, 2, '--work', work, '--out', out, '--cfg-options', 'train_cfg.max_iters=2',
              'train_dataloader.batch_size=2', 'default_hooks.logger.interval=1',
              'model.generator.auto_sync_bn=False'))  # torch has it for GPUs only
    assert [row['step'] for row in rows(out)] == [1, 2] and (out / 'model.pth').exists()
    launcher = start('dist_test.sh', path, 2, '--work', work, '--model', out / 'model.pth')
    assert 'remedy: a generator is evaluated by its stage' in launcher.communicate()[1] and launcher.returncode == 2


# As STEADY in test_distributed.py, for a GAN: batch norm by its running statistics, neither flips nor DiffAugment, and
# noise and classes drawn for the batch of all processes, of which each takes its part. Gradients are summed up and
# clipped, as on GPUs.
GAN = f'''"""A GAN's equal steps on any number of processes."""
import equal

_base_ = {str(CONFIGS / 'synth/biggan-deep_64px.py')!r}
custom_hooks = [*_base_.custom_hooks, dict(type='EqualHook')]
model = dict(
    generator=dict(auto_sync_bn=False,  # torch has it for GPUs only
                   arch_cfg=dict(in_channels=[64, 64, 32, 16], out_channels=[64, 32, 16, 8])),
    discriminator=dict(base_channels=4, augment=()), ema_config=dict(start_iter=1))
train_dataloader = dict(dataset=dict(pipeline=[step for step in _base_.train_pipeline if step['type'] != 'Flip']))
optim_wrapper = dict(generator=dict(accumulative_counts=2, clip_grad=dict(max_norm=10)),
                     discriminator=dict(accumulative_counts=2, clip_grad=dict(max_norm=10)))
train_cfg = dict(max_iters=12)
default_hooks = dict(logger=dict(interval=1))
'''


EQUAL = '''import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class EqualHook(Hook):
    def before_train(self, runner):
        model, shared, processes = runner.model.module, torch.Generator().manual_seed(0), get_world_size()
        self.own, ours = model.noise_fn(num_batches=1), slice(get_rank(), None, processes)
        model.noise_fn = lambda num_batches: torch.randn(
            num_batches * processes, model.noise_size, generator=shared)[ours]
        model.label_fn = lambda num_batches: torch.randint(
            model.num_classes, (num_batches * processes,), generator=shared)[ours]
        for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.eval().train = lambda mode=True, norm=norm: norm

    def after_train(self, runner):
        torch.save(dict(own=self.own, state=runner.model.module.state_dict()),
                   f'{runner.work_dir}/rank{get_rank()}.pth')
'''


def test_processes_train_a_gan_as_one_in_either_memory_format(work, tmp_path):
    """Three updates of the generator, six of the discriminator. Measured: losses 4e-6 apart, weights 1.2e-5."""
    import numpy as np
    import torch

    from pipelines.openmm.engine import config as mm
    from pipelines.openmm.synth import gan_sampling

    path = config(tmp_path, 'synth', GAN)
    (path.parent / 'equal.py').write_text(EQUAL)
    launchers, found = {}, {}
    with ExitStack() as stack:
        for processes, channels_last in ((1, False), (2, False), (2, True)):
            out = tmp_path / f'{processes}-{channels_last}'
            launchers[out] = subprocess.Popen(  # dist_train.sh without its check: 33 s, not 43
                [sys.executable, '-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={processes}',
                 ROOT / 'tools/train.py', path, '--dataset', 'toy-dogs', '--work', work, '--out', out, '--cfg-options',
                 f'train_dataloader.batch_size={BATCH // processes}', f'speed.channels_last={channels_last}'],
                text=True, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '', 'PYTHONPATH': str(path.parent)})
            stack.callback(launchers[out].terminate)
        for launcher in launchers.values():
            end(launcher)
    for out in launchers:
        ranks = [torch.load(file, weights_only=True) for file in sorted((out / 'logs').glob('rank*.pth'))]
        processes, channels_last = out.name.split('-')
        assert len(ranks) == int(processes)
        for rank in ranks[1:]:
            assert not torch.equal(rank['own'], ranks[0]['own'])  # or two processes learn from the same noise
            assert all(torch.equal(value, ranks[0]['state'][name]) for name, value in rank['state'].items())
        last = ranks[0]['state']['generator.module.conv_blocks.1.conv2.conv.weight']
        assert last.is_contiguous(memory_format=torch.channels_last) == (channels_last == 'True')
        cfg = mm.load(out / 'config.py', data_root=work / 'toy-dogs/crop', num_classes=3)
        generator = gan_sampling.load_generator(cfg, weights.load(out / 'model.pth'), dtype=torch.float64)
        losses = [{name: value for name, value in row.items() if 'loss' in name} for row in rows(out)]
        found[out.name] = (losses, ranks[0]['state'],
                           np.stack(list(gan_sampling.sample(generator, [0, 1, 2], [0, 1, 2]))))
    one, expected, pictures = found.pop('1-False')
    assert [step for step, row in enumerate(one, 1) if 'loss_gen' in row] == [4, 8, 12]
    assert one[-1]['loss'] < 0.9 * one[0]['loss']
    average = 'generator_ema.module.noise2feat.weight', 'generator.module.noise2feat.weight'
    assert (expected[average[0]] - expected[average[1]]).abs().max() > 1e-3
    assert pictures.shape == (3, 64, 64, 3) and pictures.std() > 5
    for losses, state, images in found.values():
        for ours, theirs in zip(losses, one, strict=True):
            assert ours == pytest.approx(theirs, rel=2e-5, abs=2e-5)
        assert list(state) == list(expected)
        for name, value in expected.items():
            torch.testing.assert_close(state[name], value, rtol=0, atol=1e-4, msg=name)
        assert np.abs(images.astype(int) - pictures).max() <= 1
