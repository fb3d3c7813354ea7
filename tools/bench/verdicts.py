"""How often the table's verdicts are wrong, and how often they are given where there is something to see.

    python -m tools.bench.verdicts           (minutes; the table of docs/statistics.md)
    python -m tools.bench.verdicts --quick   (under a minute on a free machine: few settings, few tables)

Tables of two rows are drawn and compared as classify compares them, on as many test images and with as many seeds as
users have. An image is right under a seed where ``level + image + seed + rest > 0``, each part normal: the same images
are hard for both rows. A false verdict is "better" or "worse" where both rows have the same true top-1:

    one recipe       two rows of one recipe, whose seeds differ by the sd in the column
    other images     as many mistakes, but the difficulty of an image for one row and for the other correlates with 0.5
    one row steady   the seeds of one row do not differ at all

Power: how often a row of one recipe, better by 1, 2 or 5 points, is called so. At most 5 % may be false; with T tables
a rate of 5 % comes out as up to 5 % + 3 sqrt(0.05 0.95 / T). Of many settings one may come out above that by chance: it
is drawn again, five times as often, and the status is 1 where it still is above.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from pipelines.core import crossed
from pipelines.core.statistics import ALPHA

TOP1 = 0.85  # of the reference
IMAGE_SD = 2.  # of an image's difficulty; the rest has 1
IMAGES, SEEDS, SPREADS, GAINS = (132, 1000, 5794, 8580), (3, 5, 10), (0., 0.5, 1., 2., 6.), (1., 2., 5.)
NULLS = ('one recipe', 'other images', 'one row steady')


@dataclass(frozen=True)
class Setting:
    """Args:
        images: in the test split.
        seeds: of each row.
        spread: sd of the true top-1 of seeds, in points.
        null: one of `NULLS`.
        gain: by which the row is better, in points of true top-1.
    """
    images: int
    seeds: int
    spread: float
    null: str = NULLS[0]
    gain: float = 0.

    def tables(self, count: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of (S, N) bool: where the row and the reference are right."""
        slope = _slope(TOP1)
        spreads = [self.spread / 100 / slope, 0. if self.null == 'one row steady' else self.spread / 100 / slope]
        shared = 0.5 if self.null == 'other images' else 1.
        for _ in range(count):
            common, right = rng.standard_normal(self.images, np.float32), []
            for spread, gain in zip(spreads, (self.gain, 0.)):
                level = special.ndtri(TOP1 + gain / 100) * np.sqrt(1 + IMAGE_SD ** 2 + spread ** 2)
                own = rng.standard_normal(self.images, np.float32) if shared < 1 else common
                image = IMAGE_SD * (shared * common + np.sqrt(1 - shared ** 2) * own)
                least = -(level + spread * rng.standard_normal(self.seeds))[:, None].astype(np.float32)
                right.append(image + rng.standard_normal((self.seeds, self.images), np.float32) > least)
            yield right[0], right[1]

    def rates(self, count: int, seed: int) -> tuple[float, float]:
        """Shares of ``count`` tables that call the row better, and worse."""
        better = worse = 0
        rng = np.random.default_rng([seed, self.images, self.seeds, int(10 * self.spread), int(10 * self.gain),
                                     NULLS.index(self.null)])
        for row, reference in self.tables(count, rng):
            found = crossed.difference(crossed.score(row), crossed.score(reference))
            certain = 2 * special.ndtr(-abs(found.centre) / np.sqrt(found.image_part)) < ALPHA  # over images alone
            if certain and found.p() < ALPHA:
                better, worse = better + (found.centre > 0), worse + (found.centre < 0)
        return better / count, worse / count


def _slope(top1: float) -> float:
    """Of top-1 by the level, where seeds do not differ."""
    scale = np.sqrt(1 + IMAGE_SD ** 2)
    return float(np.exp(-special.ndtri(top1) ** 2 / 2) / np.sqrt(2 * np.pi) / scale)


def settings(quick: bool) -> list[Setting]:
    images, spreads = (IMAGES[::2], SPREADS[::2]) if quick else (IMAGES, SPREADS)
    return [Setting(number, seeds, spread) for number in images for seeds in SEEDS for spread in spreads]


def limit(tables: int) -> float:
    """What a true rate of 5 % stays below in a simulation, but for 1 in 700."""
    return ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / tables)


def simulate(wanted: list[Setting], tables: int, *, seed: int = 0, jobs: int = 1) -> Iterator[tuple[Setting, float]]:
    """For each setting the share of false verdicts; of those with a gain, of true ones. In the order they are done."""
    with ProcessPoolExecutor(jobs) as pool:
        begun = {pool.submit(one.rates, tables if not one.gain else max(tables // 5, 1), seed): one for one in wanted}
        for future in as_completed(begun):
            better, worse = future.result()
            yield begun[future], better if begun[future].gain else better + worse


def _markdown(base: list[Setting], found: dict[Setting, float]) -> str:
    heads = ['test images', 'seeds', 'sd of seeds, points', *(f'false, {name}, %' for name in NULLS),
             *(f'power, {gain:g} points' for gain in GAINS)]
    lines = [f'| {" | ".join(heads)} |', '|' + '---:|' * len(heads)]
    for one in base:
        false = [f'{100 * found[replace(one, null=name)]:.1f}' for name in NULLS]
        power = [f'{found[replace(one, gain=gain)]:.2f}' for gain in GAINS]
        lines.append('| ' + ' | '.join([f'{one.images:,}', str(one.seeds), f'{one.spread:g}', *false, *power]) + ' |')
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='python -m tools.bench.verdicts', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tables', type=int, help='that are drawn for each figure of false verdicts; a fifth of them '
                                                   'for power (default: 1000; 200 with --quick)')
    parser.add_argument('--seed', type=int, default=0, help='of the simulation (default: 0)')
    parser.add_argument('--jobs', type=int, default=1, help='processes (default: 1)')
    parser.add_argument('--quick', action='store_true', help='few settings, few tables')
    args = parser.parse_args(argv)
    from tqdm import tqdm

    tables, base = args.tables or (200 if args.quick else 1000), settings(args.quick)
    wanted = [replace(one, null=name) for one in base for name in NULLS]
    wanted += [replace(one, gain=gain) for one in base for gain in GAINS]
    wanted.sort(key=lambda one: -one.images * one.seeds)
    done = simulate(wanted, tables, seed=args.seed, jobs=args.jobs)
    found = dict(tqdm(done, '[verdicts] settings', len(wanted), unit='setting', dynamic_ncols=True))
    print(_markdown(base, found))
    false = {one: rate for one, rate in found.items() if not one.gain}
    above = [one for one, rate in false.items() if rate > limit(tables)]
    print(f'\n{tables:,} tables each; most false verdicts: {100 * max(false.values()):.1f} %, with 5 % true at most '
          f'{100 * limit(tables):.1f} % expected; above that: {len(above)} of {len(false)} settings')
    again = dict(simulate(above, 5 * tables, seed=args.seed + 1, jobs=args.jobs))
    for one, rate in again.items():
        print(f'drawn again, {5 * tables:,} tables: {one.images:,} images, {one.seeds} seeds, sd {one.spread:g}, '
              f'{one.null}: {100 * rate:.1f} %, where at most {100 * limit(5 * tables):.1f} % are expected')
    return int(any(rate > limit(5 * tables) for rate in again.values()))


if __name__ == '__main__':
    sys.exit(main())
