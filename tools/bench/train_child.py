"""What `make bench-train` runs in fresh processes. Each prints a JSON object as its last line.

    python -m tools.bench.train_child limits
    python -m tools.bench.train_child train|infer JOB        JOB: the JSON of a `Job`
"""
from __future__ import annotations

import contextlib
import json
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import machine

if TYPE_CHECKING:
    from mmengine import Config
    from mmengine.runner import Runner

    from tools.bench.clock import Done

_STEP_WARM_UP = 8  # iterations: the loop went before, and here no loader has stored batches


@dataclass(frozen=True)
class Job:
    """One side of a comparison.

    Args:
        leaf: the config of ours, or the one whose counterpart is measured.
        stock: that counterpart instead.
        work: with the drawn images.
        options: overrides of config keys.
        batch: None: the config's own.
        warm_up: iterations that are not timed, at least.
        iterations: that are, at least; a GAN does whole rounds of its updates.
        profile: None, or the beginning of the path of a table of operators, with their time in one step more.
    """
    leaf: str
    stock: bool
    work: str
    options: list[str]
    batch: int | None
    warm_up: int
    iterations: int
    profile: str | None = None

    def config(self) -> Config:
        from tools.bench import train_sides

        make = train_sides.stock if self.stock else train_sides.ours
        return make(Path(self.leaf), Path(self.work), self.batch, self.options)


def _runner(cfg: Config, job: Job, folder: Path) -> Runner:
    """As the stages build it for ours, as the libraries' tools/train.py does for theirs."""
    from mmengine.runner import Runner

    from pipelines.openmm.engine import training
    from tools.bench import clock  # noqa: F401 (its hook registers itself)

    cfg.custom_hooks = [*cfg.get('custom_hooks', []),
                        dict(type='mmengine.ClockHook', warm_up=job.warm_up, iterations=job.iterations)]
    if job.stock:
        cfg.work_dir = str(folder)
        return Runner.from_cfg(cfg)
    return training.build_runner(training.prepare(cfg, folder, seed=0))


def _cycle(cfg: Config) -> int:
    """Iterations after which a training has done each of its updates equally often."""
    wrapper = cfg.optim_wrapper.get('discriminator', cfg.optim_wrapper)
    return cfg.model.get('discriminator_steps', 1) * wrapper.get('accumulative_counts', 1)


def _peak_mb() -> float:
    """Most memory that tensors held on the GPU since `_forget_peak`; without one, that this process ever held, its
    loader's workers aside."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    return machine.peak_memory() / 1e6


def _forget_peak() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _timed(run: Callable[[], Any]) -> Done:
    from tools.bench.clock import Done

    try:
        run()
    except Done as done:
        return done
    raise RuntimeError('the loop ended before its iterations')


def _figures(step: Callable[[int], Any], loop: float, images: int, job: Job, cycle: int = 1) -> dict:
    """Time a step by itself, and count its work.

    Args:
        step: runs one iteration of this number on a batch that is on the device.
        loop: seconds of the timed iterations with their loader.
        images: per iteration.
    """
    from tools.bench import train_work
    from tools.bench.clock import now

    _forget_peak()  # the libraries' loggers do so whenever they log: of the loop it cannot be told
    for number in range(min(job.warm_up, _STEP_WARM_UP)):
        step(number)
    start = now()
    for number in range(job.iterations):
        step(number)
    seconds = (now() - start) / job.iterations
    peak = _peak_mb()  # counting needs memory of its own
    if job.profile:
        _profile(step, cycle, Path(job.profile))
    with train_work.counted() as work:
        for number in range(cycle):
            step(number)
    return dict(images=images, loop=loop / job.iterations / images, step=seconds / images, peak_mb=peak,
                flops={name: count / cycle / images for name, count in work.flops.items()},
                traffic=work.traffic / cycle / images)


def _profile(step: Callable[[int], Any], cycle: int, path: Path) -> None:
    """Write which operators a cycle of steps called, and what took how long, by time on the GPU where there is one."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from tools.bench.clock import now

    gpu = torch.cuda.is_available()
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]) as profiler:
        start = now()
        for number in range(cycle):
            step(number)
        seconds = now() - start
    found = profiler.key_averages()
    calls = sum(row.count for row in found if row.key.startswith('aten::'))
    table = found.table(sort_by=f'self_{"cuda" if gpu else "cpu"}_time_total', row_limit=40, max_name_column_width=60)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{cycle} steps, {seconds * 1000:.0f} ms with the profiler, {calls:,} operators called\n{table}')


def train(job: Job, cfg: Config, folder: Path) -> dict:
    """The Runner's loop with its loader and hooks, then `train_step` alone on the last batch.

    Images are those the loader gives; a GAN's discriminator sees each of them once.
    """
    import torch
    from mmengine import MessageHub

    runner = _runner(cfg, job, folder)
    done = _timed(runner.train)
    losses = {name: float(value) for name, value in done.outputs.items()
              if isinstance(value, (torch.Tensor, float)) and 'loss' in name}
    if not losses or not all(map(math.isfinite, losses.values())):
        raise RuntimeError(f'{cfg.filename}: no network that trains: {losses}')
    batch = runner.model.data_preprocessor.cast_data(done.batch)

    def step(number: int) -> None:
        MessageHub.get_current_instance().update_info('iter', number)  # by which a GAN's generator takes its turn
        runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)

    return _figures(step, done.seconds, len(done.batch['data_samples']), job, _cycle(cfg))


def infer(job: Job, cfg: Config, folder: Path) -> dict:
    """The Runner's test loop with its loader and metric, then `test_step` alone on the last batch."""
    import torch

    runner = _runner(cfg, job, folder)
    done = _timed(runner.test)
    batch = runner.model.data_preprocessor.cast_data(done.batch)
    with torch.no_grad():
        return _figures(lambda number: runner.model.test_step(batch), done.seconds, len(done.outputs), job)


def sample(job: Job, cfg: Config) -> dict:
    """Ours: as the synth stage samples, up to the pixels. Theirs: mmagic's `forward`. Then the generator alone."""
    import torch
    from mmagic.registry import MODELS

    from pipelines.openmm.engine import devices
    from pipelines.openmm.synth import gan_sampling
    from tools.bench.clock import now

    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    if job.stock:
        model = model.to(devices.device()).eval()
        generator = model.generator_ema.module
    else:
        generator = gan_sampling.load_generator(cfg, model.state_dict(), dtype=getattr(torch, cfg.sampling.dtype))
    parameter, count = next(generator.parameters()), cfg.train_dataloader.batch_size
    labels = torch.arange(count) % cfg.model.num_classes

    def loop(iterations: int) -> None:
        if job.stock:
            for _ in range(iterations):
                model(dict(num_batches=count, sample_model='ema'))
        else:
            seeds = range(count * iterations)
            for _ in gan_sampling.sample(generator, labels.tolist() * iterations, seeds, batch=count):
                pass

    z = gan_sampling.noise(range(count), generator.noise_size).to(parameter)
    labels = labels.to(parameter.device)
    with torch.no_grad(), contextlib.nullcontext() if job.stock else devices.repeatable():
        loop(job.warm_up)
        start = now()
        loop(job.iterations)
        return _figures(lambda number: generator(z, label=labels, return_noise=False), now() - start, count, job)


def main(argv: list[str]) -> dict:
    if argv == ['limits']:
        import torch

        from tools.bench import train_work
        name = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
        return dict(limits=train_work.limits(), device=name)
    job = Job(**json.loads(argv[1]))
    if job.profile:
        job = replace(job, profile=f'{job.profile}-{argv[0]}.txt')
    cfg = job.config()
    if job.stock and cfg.model.get('generator'):
        from pipelines.openmm.synth import spectral_norm
        spectral_norm.uninstall()
    if argv[0] == 'train':  # whole cycles
        whole = _cycle(cfg)
        job = replace(job, **{name: math.ceil(getattr(job, name) / whole) * whole
                              for name in ('warm_up', 'iterations')})
    from pipelines.openmm.engine import training
    with tempfile.TemporaryDirectory(prefix='bench-train-') as folder, training.quiet():
        if argv[0] == 'infer' and cfg.model.get('generator'):
            return sample(job, cfg)
        return dict(train=train, infer=infer)[argv[0]](job, cfg, Path(folder))


if __name__ == '__main__':
    print(json.dumps(main(sys.argv[1:])))
