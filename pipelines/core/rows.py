"""Rows of the table: a recipe and the images that it sees, as in ``resnet50@square+biggan-deep_64px``.

    RECIPE@KIND[-ltNN][+GENERATOR[-xNN|-pNN]]

RECIPE is the name of a config in mm_configs/classify, or the path of one of your own. KIND is a kind of crop, as
core/kinds.py spells it: full, box, square, square-m30, square-gt, ... -ltNN leaves a long tail of the training images:
the first class has NN times as many as the last (core/long_tail.py). GENERATOR is a result of synth, whose images are
seen in training, too: in one pool with the real ones, as many as those or NN % as many; with -pNN a real image gives
way to one of its class with a probability of NN %, whose label is softened. Either way an epoch is as long as without
them, so that rows are compared at equal steps. A recipe alone sees full images.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from pipelines.core.errors import InputError
from pipelines.core.kinds import MARGIN, Kind

CONFIGS = Path(__file__).resolve().parents[2] / 'mm_configs'
_EXAMPLE = 'RECIPE@IMAGES, e.g. resnet50@square or resnet50@square+biggan-deep_256px'
_SHARE = re.compile(r'(?P<name>.+)-(?P<how>[xp])(?P<percent>[1-9][0-9]*)')
_WORDS = dict(full='full images', box='box crops', square='square crops')


@dataclass(frozen=True)
class Images:
    """What a row sees.

    Args:
        kind: of crop, as spelt.
        generator: whose images are added in training; None: nobody's.
        percent: synthetic images for 100 real ones.
        replaces: they take the place of real ones, of so many percent.
        imbalance: the first class has so many times as many training images as the last; None: all there are.
    """
    kind: str = 'full'
    generator: str | None = None
    percent: int = 100
    replaces: bool = False
    imbalance: int | None = None

    @classmethod
    def parse(cls, text: str) -> Images:
        """From what stands behind the @.

        Raises:
            InputError: another spelling.
        """
        kind, plus, generator = text.partition('+')
        if plus and not re.fullmatch(r'[\w.-]+', generator):
            raise InputError(f'images {text!r}', expected='the name of a result of synth behind +', found=text,
                             remedy=f'write {_EXAMPLE}')
        kind, tail, imbalance = kind.partition('-lt')
        if tail and not (re.fullmatch(r'[1-9]\d*', imbalance) and int(imbalance) > 1):
            raise InputError(f'images {text!r}', expected='-ltNN behind the kind of crop, as in square-lt50: the first '
                             'class has NN times as many images as the last, at least 2', found=text,
                             remedy='correct it')
        Kind.parse(kind, f'images {text!r}')
        found = cls(kind, imbalance=int(imbalance) if tail else None)
        if not (share := _SHARE.fullmatch(generator)):
            return replace(found, generator=generator or None)
        images = replace(found, generator=share['name'], percent=int(share['percent']), replaces=share['how'] == 'p')
        if images.replaces and images.percent > 100:
            raise InputError(f'images {text!r}', expected='-p with a probability from 1 to 100 %', found=text,
                             remedy=f'write -p10, or -x{images.percent} for more synthetic images than real ones')
        return images

    def __str__(self) -> str:
        share = f'-p{self.percent}' if self.replaces else '' if self.percent == 100 else f'-x{self.percent}'
        tail = f'-lt{self.imbalance}' if self.imbalance else ''
        return self.kind + tail + (f'+{self.generator}{share}' if self.generator else '')

    @property
    def words(self) -> str:
        """As in ``square crops, margin 30 % + biggan-deep_64px``."""
        kind = Kind.parse(self.kind)
        text = _WORDS[kind.shape] + (f', margin {kind.margin} %' if kind.margin != MARGIN else '') + (
            ', annotated boxes' if kind.annotated else '') + (
            f', long tail {self.imbalance}' if self.imbalance else '')
        share = f' (in place of {self.percent} %)' if self.replaces else '' if self.percent == 100 else (
            f' ({self.percent} % as many)')
        return text + (f' + {self.generator}{share}' if self.generator else '')

    def lists(self, splits: Sequence[str] = ('train', 'val', 'test')) -> list[str]:
        """The annotation lists, relative to WORK/DATASET."""
        found = [f'crop/{self.kind}_{split}.json' for split in splits]
        return found + [f'synth/{self.generator}/train.json'] * (self.generator is not None and 'train' in splits)

    def simpler(self) -> Iterator[Images]:
        """What this is a change of, nearest first: without more or fewer synthetic images, without any, of plain crops,
        of full images."""
        if self.generator and self.percent != 100 and not self.replaces:
            yield replace(self, percent=100)
        if self.generator:
            yield Images(self.kind, imbalance=self.imbalance)
        if self.imbalance:
            yield Images(self.kind)
        for kind in dict.fromkeys((Kind.parse(self.kind).shape, 'full')):
            if kind != self.kind:
                yield Images(kind)


FULL = Images()


@dataclass(frozen=True)
class Row:
    """Args:
        config: the recipe's file.
        images: what it sees.
    """
    config: Path
    images: Images

    @classmethod
    def parse(cls, text: str, stage: str = 'classify') -> Row:
        """From a word of ROWS.

        Raises:
            InputError: another spelling, or no such recipe.
        """
        recipe_name, _, images = text.partition('@')
        if not recipe_name or '@' in images:
            raise InputError(f'row {text!r}', expected=_EXAMPLE, found=text, remedy='correct ROWS (--rows)')
        return cls(recipe(recipe_name, stage), Images.parse(images or 'full'))

    @property
    def name(self) -> str:
        return f'{self.config.stem}@{self.images}'


def recipe(name: str, stage: str) -> Path:
    """The config of a name in mm_configs/<stage>, or of a path.

    Raises:
        InputError: there is none.
    """
    path = Path(name)
    if '/' not in name and path.suffix != '.py':
        path = CONFIGS / stage / f'{name}.py'
    if path.is_file():
        return path
    known = sorted(file.stem for file in (CONFIGS / stage).glob('*.py'))
    near = get_close_matches(path.stem, known, 3, 0.5) or known[:3]
    raise InputError(f'recipe {name}', expected=f'a config in mm_configs/{stage}, or the path of one', found='nothing',
                     remedy=f'did you mean {" or ".join(near)}? All of them: ls mm_configs/{stage}')
