"""How often the gate is right where the answer is known: generators planted on drawn dogs.

    python -m tools.bench.gate --repeats 20      (hours on a CPU, minutes on a GPU; goes on where it was cut)
    python -m tools.bench.gate --quick           (one repeat, smaller)

    new       new real images                                             -> use, in 16 of 20 repeats at least
    copies    of train: mirrored, shifted, other brightness, noise        -> copying, in 19 of 20 at least
    wrong     new real images whose labels were shuffled                  -> never use
    itself    real images against real images, with other seeds           -> use, in 1 of 20 at most

Each repeat divides one pool of drawn dogs anew: train, the gate's val, new images. Everything is the gate's: figures
and signs (`pipelines.openmm.synth.figures`), what is kept, p 0.1 and 0.3, five seeds shared with the real row, bounds
and verdict (`pipelines.core.gate`). The classifier is the small one of the figures, as 45 trainings make a repeat.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core import gate, lineage

if TYPE_CHECKING:
    from pipelines.openmm.synth.figures import Judge, Pixels

CHANCES = (0.1, 0.3)
ASKED = dict(new=('use', 16, 20), copies=('copying', 19, 20), wrong=('use', 0, 0), itself=('use', 0, 1))
CLASSES = 6


@dataclass(frozen=True)
class Setting:
    """Args:
        train, val: images, of all classes together; as many new ones as train has.
        steps: of 32 images, of every classifier's training.
        seeds: of each setting.
    """
    train: int = 324
    val: int = 1200
    steps: int = 400
    seeds: int = 5

    @property
    def pool(self) -> int:
        """Images of a class that have to be drawn: a third more than a repeat takes."""
        return -(-4 * (2 * self.train + self.val) // (3 * CLASSES))


def pool(folder: Path, per_class: int) -> Pixels:
    """Drawn dogs, cut by their annotated boxes; drawn once."""
    from data_converters.convert import convert
    from data_converters.toy import toy
    from pipelines.core.shards import Engine
    from pipelines.crop import crop, parse_boxes
    from pipelines.openmm.synth.figures import Pixels

    done = folder / 'crop/square_train.json'
    if not done.exists():
        toy('toy-dogs', folder / 'raw', seed=1, train=per_class, test=2)
        convert('toy-dogs', folder / 'raw', folder / 'convert')
        crop(folder / 'convert', folder / 'crop', by_split=parse_boxes('gt'), size=64, engine=Engine(1))
    lists = [lineage.read_list(done.with_name(f'square_{split}.json'))[1] for split in ('train', 'val')]
    return Pixels.read([(done.parent / row['img_path'], row['gt_label']) for rows in lists for row in rows])


def jittered(data: Pixels, seed: int) -> Pixels:
    """Copies: some mirrored, shifted by up to 3 pixels, brightness by up to 10 %, noise of 4 levels."""
    import torch
    import torch.nn.functional as F

    from pipelines.openmm.synth.figures import Pixels

    source, side, found = torch.Generator().manual_seed(seed), data.pixels.shape[2], []
    for picture in data.pixels:
        x = picture.flip(2) if torch.rand(1, generator=source) < 0.5 else picture
        top, left = torch.randint(0, 7, (2,), generator=source).tolist()
        x = F.pad(x[None].float(), (3, 3, 3, 3), mode='reflect')[0, :, top:top + side, left:left + side]
        x = x * (0.9 + 0.2 * torch.rand(1, generator=source)) + 4 * torch.randn(x.shape, generator=source)
        found.append(x.clamp(0, 255).to(torch.uint8))
    return Pixels(torch.stack(found), data.labels)


@dataclass(frozen=True)
class Repeat:
    """One division of the pool.

    Args:
        judge: train, val, and classifiers of train.
        new: real images that no classifier has seen.
    """
    setting: Setting
    judge: Judge
    new: Pixels
    number: int

    @classmethod
    def of(cls, data: Pixels, setting: Setting, number: int) -> Repeat:
        import torch

        from pipelines.openmm.synth.figures import Judge, Pixels

        order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(number))
        sizes = [setting.train, setting.val, setting.train]
        train, val, new = (Pixels(data.pixels[part], data.labels[part]) for part in order[:sum(sizes)].split(sizes))
        judge = Judge(train, val, CLASSES, setting.steps, seed=100 * number, seeds=setting.seeds)
        return cls(setting, judge, new, number)

    def right(self, images: Pixels | None = None, chance: float = 0., first: int = 0) -> np.ndarray:
        """(S, N) right on val, of classifiers trained with images in place of train's."""
        from pipelines.openmm.synth import small_classifier as small

        train, val = self.judge.train, self.judge.val
        models = self.judge.real if images is None and not first else [
            small.train(train.pixels, train.labels, CLASSES, steps=self.setting.steps, title=f'seed {number}',
                        seed=self.judge.seed + first + number,
                        mixed=small.Mixed(images.pixels, images.labels, chance) if images else None)
            for number in range(self.setting.seeds)]
        return np.stack([(small.run(model, val.pixels).argmax(1) == val.labels).numpy() for model in models])

    def images(self, case: str) -> Pixels:
        import torch

        from pipelines.openmm.synth.figures import Pixels

        if case == 'copies':
            return jittered(self.judge.train, self.number)
        if case == 'wrong':
            order = torch.randperm(len(self.new.labels), generator=torch.Generator().manual_seed(self.number))
            return Pixels(self.new.pixels, self.new.labels[order])
        return self.new

    def verdict(self, case: str) -> dict[str, Any]:
        """The gate's, of a planted generator."""
        from pipelines.core import sample_figures
        from pipelines.openmm.synth import figures
        from pipelines.openmm.synth.figures import Pixels

        if case == 'itself':
            sweep = gate.gains([self.right(first=50)], self.right(), seed=self.number)
            word, why, _ = gate.verdict(dict(collapse=[], copying=[]), [(0, sweep[0])])
            return dict(verdict=word, why=why)
        images = self.images(case)
        seen = self.judge.look(images.pixels, images.labels)
        signs = dict(collapse=seen['signs'], copying=sample_figures.signs_of_copying(seen['synthetic']))
        if any(signs.values()):
            word, why, _ = gate.verdict(signs)
            return dict(verdict=word, why=why)
        good = self.judge.ranks(images) <= figures.top_k(CLASSES)
        kept = Pixels(images.pixels[good], images.labels[good])
        sweep = gate.gains([self.right(kept, chance) for chance in CHANCES], self.right(), seed=self.number)
        word, why, _ = gate.verdict(signs, [(round(100 * chance), gain) for chance, gain in zip(CHANCES, sweep)])
        return dict(verdict=word, why=why, power=gate.power(sweep, self.setting.val, self.setting.seeds))


def done(path: Path) -> dict[tuple[int, str], dict[str, Any]]:
    """What earlier runs have found, by repeat and case."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {(row['repeat'], row['case']): row for row in map(json.loads, lines)}


def summary(found: Sequence[dict[str, Any]]) -> tuple[str, bool]:
    """A table of verdicts by case, and whether each came as often as it is asked to; of fewer repeats in proportion."""
    lines, held = ['| case | repeats | verdicts | asked |', '|---|---:|---|---|'], True
    for case, (word, low, high) in ASKED.items():
        verdicts = Counter(row['verdict'] for row in found if row['case'] == case)
        if not (count := sum(verdicts.values())):
            continue
        least, most = low * count / 20, high * count / 20
        held &= int(least) <= verdicts[word] <= -(-high * count // 20)
        asked = f'{word} {least:g} times at least' if low else f'{word} {most:g} times at most'
        lines.append(f'| {case} | {count} | {", ".join(f"{name} {times}" for name, times in verdicts.most_common())} | '
                     f'{asked} |')
    return '\n'.join(lines), held


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='python -m tools.bench.gate', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--repeats', type=int, default=20, help='of each case (default: 20)')
    parser.add_argument('--cases', nargs='+', choices=list(ASKED), default=list(ASKED), help='(default: all)')
    parser.add_argument('--work', type=Path, default=Path('work_dirs/bench-gate'), help='pool and results '
                        '(default: work_dirs/bench-gate)')
    parser.add_argument('--quick', action='store_true', help='one repeat with 300 val images, 200 steps and 3 seeds')
    args = parser.parse_args(argv)
    from tqdm import tqdm

    setting = Setting(val=300, steps=200, seeds=3) if args.quick else Setting()
    path = args.work / f'{"quick" if args.quick else "results"}.jsonl'
    found, wanted = done(path), [(number, case) for number in range(1 if args.quick else args.repeats)
                                 for case in args.cases]
    data = pool(args.work / f'pool-{setting.pool}', setting.pool) if set(wanted) - set(found) else None
    repeat = None
    for number, case in tqdm([one for one in wanted if one not in found], '[gate] planted', len(wanted),
                             initial=len(set(wanted) & set(found)), unit='case', dynamic_ncols=True):
        if repeat is None or repeat.number != number:
            assert data is not None
            repeat = Repeat.of(data, setting, number)
        row = dict(repeat=number, case=case, **repeat.verdict(case))
        with path.open('a') as stream:
            stream.write(json.dumps(row) + '\n')
        found[number, case] = row
    text, held = summary([found[one] for one in wanted])
    print(text)
    return int(not held)


if __name__ == '__main__':
    sys.exit(main())
