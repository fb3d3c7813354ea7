"""What `make plan` measures in fresh processes. Each prints a JSON object as its last line.

    python -m tools.planning.child data JOB       rates of convert and crop, on pictures that it draws for the others
    python -m tools.planning.child recipe JOB     some iterations of a recipe: training, inference, sampling

JOB is the JSON of a `DataJob` or a `RecipeJob`.
"""
from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import images, machine
from pipelines.core.rows import Images

if TYPE_CHECKING:
    from mmengine import Config

PICTURES = 96
_PROBE = 2  # images of the first batch on a CPU, before it is known whether a whole one is a matter of seconds


@dataclass(frozen=True)
class DataJob:
    """Args:
        work: gets the pictures.
        width, height: of the dataset's mean image.
        kinds: of crops that are cut.
        crop_size: as crop's --size.
        classes: of the dataset, 8 at least.
        resolution: of synthetic images.
    """
    work: str
    width: int
    height: int
    kinds: list[str]
    crop_size: int
    classes: int
    resolution: int


@dataclass(frozen=True)
class RecipeJob:
    """Args:
        work: with the pictures.
        stage, config: of the recipe.
        kind: of crops that it sees.
        classes: of the dataset.
        seconds: to measure each figure for, about.
        memory_mb: of this machine's RAM that this process may use.
    """
    work: str
    stage: str
    config: str
    kind: str
    classes: int
    seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Timed:
    """Seconds of one unit, on the wall and of CPU time."""
    wall: float
    cpu: float

    def times(self, factor: float) -> Timed:
        return Timed(self.wall * factor, self.cpu * factor)


def data(job: DataJob) -> dict[str, Any]:
    """Draw pictures, convert and crop them with one process."""
    import numpy as np

    from tools.bench import train_sides

    work = Path(job.work)
    train_sides.draw(work, PICTURES, job.crop_size, width=job.width, height=job.height, classes=job.classes)
    from data_converters.convert import convert
    from pipelines.core.kinds import parse_kinds
    from pipelines.core.shards import Engine
    from pipelines.crop import crop

    def timed(run: Any) -> Timed:
        start, cpu = time.perf_counter(), time.process_time()
        run()
        return Timed(time.perf_counter() - start, time.process_time() - cpu).times(1 / PICTURES)

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        place, one = Path(folder), Engine(1)
        converted = timed(lambda: convert('dogs', work / 'raw', place / 'convert', verify=True, engine=one))
        cut = timed(lambda: crop(place / 'convert', place / 'crop', kinds=parse_kinds(job.kinds), engine=one,
                                 by_split=dict(train='gt', val='gt', test='gt'), size=job.crop_size))
        sizes = {kind: float(np.mean([path.stat().st_size for path in (place / 'crop' / kind).rglob('*.jpg')]))
                 for kind in job.kinds if kind != 'full'}
        squares = sorted((work / 'crop/square').rglob('*.jpg'))[:32]
        synthetic = np.mean([len(images.encode_jpeg(images.fit(images.decode(path), job.resolution), 95))
                             for path in squares])
    return dict(convert=asdict(converted), crop=asdict(cut), crop_bytes=sizes, synthetic_bytes=float(synthetic))


def _config(job: RecipeJob, batch: int | None) -> Config:
    from tools.bench import train_sides

    return train_sides.ours(Path(job.config), Path(job.work), batch, num_classes=job.classes, stage=job.stage,
                            images=Images(job.kind))


def _started() -> float:
    """When this process began, in seconds since the epoch."""
    ticks = int(Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf('SC_CLK_TCK')


def _train(job: RecipeJob, batch: int, least: int, cycle: int) -> tuple[Any, Any]:
    """Train until the stopwatch ends it; the Runner, and what the stopwatch says."""
    import torch

    from pipelines.openmm.engine import training
    from tools.planning import stopwatch  # its hook registers itself

    cfg = _config(job, batch)
    gpu = torch.cuda.is_available()
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(
        type='StopwatchHook', warm_up=(24 if gpu else 1) * (cycle if least > 1 else 1), least=least, cycle=cycle,
        seconds=job.seconds)]
    folder = Path(tempfile.mkdtemp(prefix='train-', dir=job.work))
    runner = training.build_runner(training.prepare(cfg, folder, seed=0))
    try:
        runner.train()
    except stopwatch.Stop as stop:
        return runner, stop
    raise RuntimeError('the training ended before it was measured')


def _batch_mb(batch: Any) -> float:
    """Of what a loader hands over."""
    return len(pickle.dumps(batch)) / 1e6


def recipe(job: RecipeJob) -> dict[str, Any]:
    """Time a recipe's training, inference and, of a generator, sampling."""
    import torch

    from pipelines.openmm.engine import config as mm
    from pipelines.openmm.engine import devices
    from tools.bench import train_child, train_sides
    from tools.planning import schedule

    plain = mm.load(Path(job.config), data_root=Path(job.work) / train_sides.DATA[job.stage], num_classes=job.classes,
                    images=Images(job.kind))
    facts, cycle, gpu = schedule.of(plain), train_child._cycle(plain), torch.cuda.is_available()
    imports = Timed(time.time() - _started(), time.process_time())
    found = _fitting(job, facts.batch, cycle, gpu)
    runner, stop, batch = found.pop('runner'), found.pop('stop'), found['batch']
    result = dict(found, schedule=asdict(facts), imports=asdict(imports), start=asdict(Timed(*stop.start)),
                  conditions=devices.conditions(), batch_mb=_batch_mb(stop.batch) * facts.batch / batch,
                  **_saved(runner))
    per_image = stop.wall / stop.iterations / batch
    if job.stage == 'synth':
        result |= _sampling(plain, runner, job, per_image)
    else:
        result |= dict(infer=asdict(_inference(job, runner.model, per_image, gpu)))
    return result


def _fitting(job: RecipeJob, whole: int, cycle: int, gpu: bool) -> dict[str, Any]:
    """Train at the recipe's batch or, where that takes too long or too much, at a smaller one, and scale it up."""
    import torch

    from tools.bench import train_child

    batch, fits = whole if gpu else min(whole, _PROBE), True
    while True:
        try:
            runner, stop = _train(job, batch, *((2, cycle) if batch == whole else (1, 1)))
        except torch.OutOfMemoryError:
            fits, batch = False, max(1, batch // 4)
            torch.cuda.empty_cache()
            continue
        peak = train_child._peak_mb()
        seconds = stop.cpu / stop.iterations * whole / batch * (cycle + 2)
        needed = stop.base_mb + (peak - stop.base_mb) * whole / batch
        if batch < whole and fits and not gpu and seconds < 4 * job.seconds + 20 and needed < 0.8 * job.memory_mb:
            batch = whole
            continue
        step = Timed(stop.wall, stop.cpu).times(whole / batch / stop.iterations)
        return dict(runner=runner, stop=stop, batch=batch, scaled=batch < whole, oom=not fits, train=asdict(step),
                    peak_mb=peak if batch == whole else needed, measured=stop.iterations,
                    device_mb=torch.cuda.get_device_properties(0).total_memory / 1e6 if gpu else None)


def _saved(runner: Any) -> dict[str, Any]:
    """How long a checkpoint takes, and how large it and the weights are."""
    start, cpu = time.perf_counter(), time.process_time()
    folder = Path(runner.work_dir)
    runner.save_checkpoint(str(folder), 'plan.pth', by_epoch=False)
    taken = Timed(time.perf_counter() - start, time.process_time() - cpu)
    size = (folder / 'plan.pth').stat().st_size
    (folder / 'plan.pth').unlink()
    weights = sum(value.numel() * value.element_size() for value in runner.model.state_dict().values())
    return dict(save=asdict(taken), checkpoint_mb=size / 1e6, weights_mb=weights / 1e6)


def _inference(job: RecipeJob, network: Any, per_image: float, gpu: bool) -> Timed:
    """Seconds of an image, loaded and predicted as the stages do it."""
    import torch

    from pipelines.openmm.engine import network as networks
    from tools.bench.clock import now

    cfg = _config(job, None)
    if not gpu:  # a batch of about a second
        cfg.test_dataloader.batch_size = max(1, min(cfg.test_dataloader.batch_size, int(2 / per_image) or 1))
    network.eval()
    with torch.inference_mode():
        loader = iter(networks.loader(cfg, 'test'))
        network.test_step(next(loader))
        start, cpu, count = now(), time.process_time(), 0
        while not count or now() - start < job.seconds:
            count += len(network.test_step(next(loader)))
        return Timed((now() - start) / count, (time.process_time() - cpu) / count)


def _sampling(cfg: Config, runner: Any, job: RecipeJob, per_image: float) -> dict[str, Any]:
    """Seconds of a synthetic image, and of a step of the small classifiers that judge them."""
    import torch

    from pipelines.openmm.synth import small_classifier
    from pipelines.openmm.synth.recipes import Recipe
    from tools.bench.clock import now

    model = getattr(runner.model, 'module', runner.model)
    classes = tuple(map(str, range(job.classes)))
    generator = Recipe(Path(job.config), Path(job.work) / 'crop', classes).generator()
    generator.take(cfg, model.state_dict())
    batch = 64 if torch.cuda.is_available() else max(1, min(64, int(2 / per_image) or 1))
    figures: dict[str, Any] = dict(standing=64 * getattr(generator, 'standing_batches', 0))

    def sample(count: int) -> None:
        for _ in generator.draw([0] * count, range(count), Path()):
            pass

    def judge(steps: int) -> None:
        small_classifier.train(pixels, torch.zeros(64, dtype=torch.long), job.classes, steps=steps, seed=0)

    pixels = torch.zeros(64, 3, small_classifier.SIDE, small_classifier.SIDE, dtype=torch.uint8)
    for name, run, least in (('sample', sample, batch), ('judge', judge, 10)):
        run(least)
        start, cpu, count = now(), time.process_time(), 0
        while not count or now() - start < job.seconds / 2:
            run(least)
            count += least
        figures[name] = asdict(Timed((now() - start) / count, (time.process_time() - cpu) / count))
    return figures


def main(argv: list[str]) -> dict:
    machine.die_with_parent()
    from pipelines.openmm.engine import training
    with training.quiet():
        values = json.loads(argv[1])
        return data(DataJob(**values)) if argv[0] == 'data' else recipe(RecipeJob(**values))


if __name__ == '__main__':
    print('\n' + json.dumps(main(sys.argv[1:])))  # bars may have left a line open
