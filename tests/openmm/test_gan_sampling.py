"""Sampling: by class and seed, in two precisions, by one process or several, killed or not."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.core.errors import InputError
from pipelines.openmm.engine import config
from pipelines.openmm.synth import drawing, gan_sampling
from pipelines.openmm.synth.recipes import Recipe

ROOT = Path(__file__).resolve().parents[2]
LEAF = ROOT / 'mm_configs/synth/biggan-deep_64px.py'
TINY = ('model.generator.arch_cfg.in_channels=[64,64,32,16]', 'model.generator.arch_cfg.out_channels=[64,32,16,8]')
TORCH = ('model.generator.sn_style=torch', 'model.generator.rgb2bgr=True')
# Largest and mean difference to float64, in levels of 0 to 255. Measured: 1 and 6e-5 in float32; 44 and 1.0 in bfloat16
# (whose numbers are 2^-8 apart) at random weights, 20 and 0.4 after 1,000 iterations; JPEG at quality 95: 18 and 1.8.
TOLERANCES = dict(float32=(1, 0.001), bfloat16=(64, 1.5))


def load(options: tuple[str, ...] = TINY, *, leaf: Path = LEAF, num_classes: int = 3):
    return config.load(leaf, data_root=Path('nowhere'), num_classes=num_classes, options=options)


def random_state(cfg, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights as a training leaves them in kind: attention is on, spectral and batch norm have seen steps."""
    from mmagic.registry import MODELS
    torch.manual_seed(seed)
    generator = MODELS.build(dict(cfg.model.generator, num_classes=cfg.model.num_classes))
    with torch.no_grad():
        for name, value in generator.named_parameters():
            if name.endswith('gamma'):
                value.fill_(0.5)
        for _ in range(10):
            generator.train()(torch.randn(8, generator.noise_size), label=torch.arange(8) % cfg.model.num_classes)
    gan_sampling.set_standing_statistics(generator, batches=2, batch=16)
    return generator.state_dict()


def pictures(cfg, state, dtype: str, count: int = 24) -> np.ndarray:
    generator = gan_sampling.load_generator(cfg, state, dtype=getattr(torch, dtype))
    return np.stack(list(gan_sampling.sample(generator, [i % 3 for i in range(count)], range(count))))


@pytest.mark.parametrize(('leaf', 'dtype'), [('64px', 'float32'), ('128px', 'bfloat16'), ('256px', 'bfloat16')])
def test_configs_say_the_precision(leaf, dtype):
    recipe = Recipe(ROOT / f'mm_configs/synth/biggan-deep_{leaf}.py', Path('nowhere'), ('a', 'b'))
    assert recipe.trains and recipe.generator().dtype == dtype and recipe.generator().inputs() == {}


@pytest.mark.parametrize(('line', 'found'), [
    ("sampling = dict(type='Gan', dtype='float16')", r"leaf\.py:1, sampling: .* float32, bfloat16, found float16"),
    ("sampling = dict(type='Gan', dtyp='float32')", r"leaf\.py:1, sampling: expected what Gan takes, found .*'dtyp'"),
    ("sampling = dict(type='Gan', dtype='float32', batch=0)", r'batch of at least 1'),
    ("sampling = dict(dtype='float32')", r"leaf\.py:1, sampling: .* one of .*Gan.*, found \{'dtype': 'float32'\}"),
    ('model = dict()', r"leaf\.py, sampling: expected dict\(type=\.\.\.\) with one of .*, found nothing")])
def test_settings_of_no_generator_are_named(tmp_path, line, found):
    (tmp_path / 'leaf.py').write_text(line + '\n')
    with pytest.raises(InputError, match=found):
        Recipe(tmp_path / 'leaf.py', tmp_path, ('a', 'b')).generator()


@pytest.mark.mm
def test_an_image_depends_on_its_class_and_seed():
    """But for a level, on its batch."""
    cfg = load()
    generator = gan_sampling.load_generator(cfg, random_state(cfg), dtype=torch.float32)
    labels, seeds = [0, 1, 2, 0, 1], [5, 6, 7, 8, 5]
    together = np.stack(list(gan_sampling.sample(generator, labels, seeds)))
    alone = np.stack(list(gan_sampling.sample(generator, labels[::-1], seeds[::-1], batch=2)))[::-1]
    assert np.abs(together.astype(int) - alone).max() <= 1
    assert np.abs(together[0].astype(int) - together[4].astype(int)).max() > 10  # another class, the same seed
    assert np.abs(together[0].astype(int) - together[3].astype(int)).max() > 10


@pytest.mark.mm
@pytest.mark.parametrize('options', [TINY, TINY + TORCH], ids=['ajbrock', 'torch'])
def test_folded_spectral_norm_gives_the_same_images(options):
    from mmagic.registry import MODELS
    cfg = load(options)
    state = random_state(cfg)
    plain = MODELS.build(dict(cfg.model.generator, num_classes=3)).double()
    plain.load_state_dict(state)
    folded = gan_sampling.load_generator(cfg, state, dtype=torch.float64)
    assert not any(name.endswith('weight_orig') for name in folded.state_dict())
    assert not torch.equal(folded.noise2feat.weight, dict(plain.named_parameters()).get(
        'noise2feat.weight_orig', dict(plain.named_parameters()).get('noise2feat.weight')))
    z, label = gan_sampling.noise(range(6), plain.noise_size).double(), torch.arange(6) % 3
    with torch.no_grad():
        torch.testing.assert_close(folded(z, label=label), plain.eval()(z, label=label), rtol=0, atol=1e-12)


@pytest.mark.mm
@pytest.mark.parametrize('options', [TINY, (), TINY + TORCH], ids=['tiny', '64px', 'torch'])
def test_precisions_differ_from_float64_by_a_few_levels(options):
    cfg = load(options)
    state = random_state(cfg)
    exact = pictures(cfg, state, 'float64').astype(int)
    assert exact.std() > 20
    for dtype, (largest, mean) in TOLERANCES.items():
        difference = np.abs(pictures(cfg, state, dtype) - exact)
        assert difference.max() <= largest and difference.mean() <= mean, dtype


@pytest.mark.mm
def test_bfloat16_is_used_throughout_but_for_the_statistics():
    cfg = load()
    state = random_state(cfg)
    statistics = {name: (value.double() + 1e-3).tolist() for name, value in state.items() if 'running_' in name}
    generator = gan_sampling.load_generator(cfg, state, dtype=torch.bfloat16, statistics=statistics)
    seen = set()
    for module in generator.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: seen.add((inputs[0].dtype, output.dtype)))
            assert module.weight.dtype == torch.bfloat16
            assert module.weight.is_contiguous(memory_format=torch.channels_last)
    list(gan_sampling.sample(generator, [0, 1], [0, 1]))
    assert seen == {(torch.bfloat16, torch.bfloat16)}
    found = generator.state_dict()
    for name, values in statistics.items():
        assert torch.equal(found[name], torch.tensor(values, dtype=torch.float64).float())


@pytest.mark.mm
def test_standing_statistics_are_the_means_over_the_batches():
    from torch import nn

    class Generator(nn.Module):
        noise_size, num_classes = 1, 2

        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(1).double()

        def forward(self, z, label, return_noise):
            return self.norm(z * 3 + 5)

    generator = Generator()
    gan_sampling.set_standing_statistics(generator, batches=50)
    assert generator.norm.running_mean.item() == pytest.approx(5, abs=0.3)
    assert generator.norm.running_var.item() == pytest.approx(9, abs=0.9)
    assert not generator.norm.training and generator.norm.momentum == 0.1


@pytest.fixture
def network(tmp_path: Path):
    """``network(dtype, batch)``: a tiny generator of 3 classes, its weights in a file."""
    def make(dtype: str, batch: int) -> Recipe:
        options = (*TINY, f'sampling.dtype={dtype}', f'sampling.batch={batch}', 'sampling.standing_batches=1')
        torch.save(random_state(load(options)), tmp_path / 'generator.pth')
        return Recipe(LEAF, tmp_path, ('a', 'b', 'c'), tmp_path / 'generator.pth', options)

    return make


def rows(count: int) -> list[dict]:
    return [dict(img_path=f'images/{i % 3}/{i}.{"jpg" if i % 2 else "png"}', gt_label=i % 3, seed=i)
            for i in range(count)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob('images/*/*'))}


@pytest.mark.mm
@pytest.mark.parametrize(('dtype', 'several'), [('float32', 2), ('bfloat16', 3)])
def test_several_processes_write_the_bytes_of_one(network, tmp_path, dtype, several):
    """26 images in batches of 2 and shards of 8."""
    named, found = network(dtype, 2), {}
    for workers in (1, several):
        (folder := tmp_path / str(workers)).mkdir()
        drawing.write_images(folder, rows(26), replace(named, gpus=workers), quality=95)
        found[workers] = files(folder)
        assert len(list((folder / '.shards').iterdir())) == 4
    assert len(found[1]) == 26 and found[1] == found[several]
    assert len(set(found[1].values())) == 26


@pytest.mark.mm
def test_another_generator_under_the_same_path_is_seen(network, tmp_path):
    found = []
    for seed in (0, 1):
        named = network('float32', 2)
        torch.save(random_state(load(named.options), seed), named.weights)
        (folder := tmp_path / 'out').mkdir()
        drawing.write_images(folder, rows(2), named, quality=95)
        found.append(files(folder))
        folder.rename(tmp_path / f'out-{seed}')
    assert all(found[0][name] != found[1][name] for name in found[0])


@pytest.mark.mm
def test_after_a_kill_finished_shards_are_not_sampled_again(network, tmp_path):
    """SIGKILL to a sampling by two processes as soon as a shard is done, of 48 of 4 images; one goes on."""
    named, drawn = network('bfloat16', 1), rows(192)
    (whole := tmp_path / 'whole').mkdir()
    drawing.write_images(whole, drawn, named, quality=95)
    (folder := tmp_path / 'killed').mkdir()
    code = (f'from pathlib import Path, PosixPath; from pipelines.openmm.synth import drawing; '
            f'from pipelines.openmm.synth.recipes import Recipe; drawing.write_images('
            f'{folder!r}, {drawn!r}, {replace(named, gpus=2)!r}, quality=95)')
    process = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, 'OMP_NUM_THREADS': str(torch.get_num_threads())})
    deadline = time.monotonic() + 120
    while not list(folder.glob('.shards/*.json')):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    done = {int(path.stem) for path in folder.glob('.shards/*.json')}
    kept = {path: path.stat().st_mtime_ns for row in (row for i in done for row in drawn[4 * i:4 * i + 4])
            for path in [folder / row['img_path']]}
    statistics = (folder / '.standing/statistics.json').stat().st_mtime_ns
    drawing.write_images(folder, drawn, named, quality=95)
    assert 0 < len(done) < 48 and len(kept) == 4 * len(done)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (folder / '.standing/statistics.json').stat().st_mtime_ns == statistics
    assert files(folder) == files(whole)


@pytest.mark.gpu
@pytest.mark.mm
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_gpus_write_the_same_bytes_within_a_few_levels_of_float64(network, tmp_path, dtype):
    """Twice as many processes as GPUs, so that there are two on one GPU alone."""
    named, found = network(dtype, 8), {}
    for workers in (1, 2 * torch.cuda.device_count()):
        (folder := tmp_path / str(workers)).mkdir()
        drawing.write_images(folder, rows(100), replace(named, gpus=workers), quality=95)
        found[workers] = files(folder)
    assert len(found[1]) == 100 and len({tuple(sorted(part.items())) for part in found.values()}) == 1
    cfg, state = load(named.options), torch.load(named.weights, weights_only=True)
    difference = np.abs(pictures(cfg, state, dtype).astype(int) - pictures(cfg, state, 'float64'))
    largest, mean = TOLERANCES[dtype]
    assert difference.max() <= largest and difference.mean() <= mean
