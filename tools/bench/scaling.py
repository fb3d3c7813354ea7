"""What grows with the number of images: time, memory, and the check that finds nothing to do."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tools.bench import drawing, measure
from tools.bench.converting import DOGS, convert
from tools.bench.cropping import crop
from tools.bench.measure import Bench, Row, Run

LINEAR = 1.5  # the cost of one more image may vary by this factor
ASKED_ROWS = 1_000_000
TINY = ('--size', 32)


def _sizes(largest: int) -> list[int]:
    """Two or three smaller sizes, powers of ten where possible, and ``largest``."""
    powers = [10 ** exponent for exponent in range(3, 9) if 10 ** exponent < largest]
    return [*(powers[-3:] if len(powers) > 1 else [largest // 16, largest // 4]), largest]


def _grow(sizes: Sequence[int], once: Callable[[int], Run]) -> Iterator[tuple[int, Run]]:
    for count in sizes:
        found = once(count)
        print(f'  {count:,}: {found.seconds:.1f} s, {found.peak_mb:.0f} MB', flush=True)
        yield count, found


def _rows(stage: str, found: Sequence[tuple[int, Run]]) -> list[Row]:
    """One row for time, one for memory."""
    steps = [(b.seconds - a.seconds) / (n - m) for (m, a), (n, b) in zip(found, found[1:])]
    factor = steps[-1] / steps[0]
    times = '; '.join(f'{count:,}: {run.seconds:.1f} s' for count, run in found)
    memory = '; '.join(f'{count:,}: {run.peak_mb:.0f} MB' for count, run in found)
    largest, last = found[-1]
    enough = largest >= ASKED_ROWS
    return [Row(f'{stage}: time', 'linear', f'{times}; one more image costs {1e6 * steps[0]:.0f} us at first, '
                f'{1e6 * steps[-1]:.0f} us at last ({factor:.2f}x)', factor <= LINEAR),
            Row(f'{stage}: peak memory, all processes', f'under {measure.MEMORY_LIMIT_MB} MB at {ASKED_ROWS:,}',
                memory + ('' if enough else ' (asked at more)'),
                last.peak_mb < measure.MEMORY_LIMIT_MB if enough else None)]


def growth(bench: Bench) -> list[Row]:
    """Convert up to ``rows_at_scale`` images of CUB's layout, on one core; crop up to ``images_at_scale``, with two."""
    work = bench.work / 'growth'
    work.mkdir()
    files = drawing.pool(work / 'pool', width=64, height=48)

    def converted(count: int, then: Callable[[Path], Run] | None = None) -> Run:
        folder = work / str(count)
        raw = drawing.birds(folder / 'raw', files, count)
        found = convert('cub', raw, folder / 'convert')
        if then is not None:
            found = then(folder)
        shutil.rmtree(folder)
        return found

    def cropped(count: int) -> Run:
        return converted(count, lambda folder: crop(folder / 'convert', folder / 'crop', *TINY, workers=2))

    return [*_rows('convert, one core', list(_grow(_sizes(bench.rows_at_scale), converted))),
            *_rows('crop, two workers', list(_grow(_sizes(bench.images_at_scale), cropped)))]


def up_to_date(bench: Bench) -> list[Row]:
    """The crop command over a finished crop folder of as many crops as Stanford Dogs has: 41,160."""
    work, count = bench.work / 'up_to_date', 500 if bench.quick else DOGS
    work.mkdir()
    raw = drawing.birds(work / 'raw', drawing.pool(work / 'pool', width=64, height=48), count)
    convert('cub', raw, work / 'convert')
    crop(work / 'convert', work / 'crop', *TINY, workers=2)

    def check() -> Run:
        found = measure.run('pipelines.crop', '--coco', work / 'convert', '--out', work / 'crop', '--boxes', 'gt',
                            '--workers', 2, *TINY)
        if 'up to date' not in found.words:
            raise RuntimeError(f'the second run did not find its result up to date: {found.words}')
        return found

    found = measure.alternate({'crop again': check}, bench.rounds)['crop again']
    return [measure.within(f'up-to-date check of {2 * count:,} crops, the whole command', 2,
                           [run.seconds for run in found])]
