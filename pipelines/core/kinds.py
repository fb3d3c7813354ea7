"""Kinds of crops, and the boxes that they are cut by, as they are spelt; without numpy, as make asks before set-up.

A kind of crop is spelt SHAPE[-mNN][-gt]:

    full     the whole image
    box      the box, widened by its margin on each side
    square   the nearest square to that: the longer side about the centre, shifted to stay inside the image, padded with
             grey only where the image is smaller

    -mNN     a margin of NN % of the box's width (left, right) and height (top, bottom) in place of 10 %
    -gt      annotated boxes in all splits, whatever the splits are cut by otherwise
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.core.errors import InputError

SHAPES = ('full', 'box', 'square')
MARGIN = 10  # percent
MOST_MARGIN = 500
_SPELLING = re.compile(r'(?P<shape>[a-z]+)(?:-m(?P<margin>[0-9]+))?(?P<gt>-gt)?')
DEFAULT_BOXES = 'train=gt,val=det,test=det'
_REMEDY = 'spell it SHAPE[-mNN][-gt], as in full, box, square, square-m30, square-gt, square-m30-gt'


@dataclass(frozen=True)
class Kind:
    """A kind of crop.

    Args:
        shape: one of `SHAPES`.
        margin: percent of the box's size that are added on each side.
        annotated: cut by annotated boxes in all splits.
    """
    shape: str
    margin: int = MARGIN
    annotated: bool = False

    def __str__(self) -> str:
        """The one spelling, which names its folder and its lists."""
        return self.shape + (f'-m{self.margin}' if self.margin != MARGIN else '') + ('-gt' if self.annotated else '')

    @classmethod
    def parse(cls, text: str, where: str = '--kinds') -> Kind:
        """A kind from its spelling.

        Raises:
            InputError: a spelling of none, or not the one spelling that a kind has.
        """
        found = _SPELLING.fullmatch(text)
        if not found or found['shape'] not in SHAPES:
            raise InputError(where, expected=f'a kind of crop: {", ".join(SHAPES)}, with -mNN for a margin in percent '
                             'and -gt for annotated boxes', found=repr(text), remedy=_REMEDY)
        if found['shape'] == 'full' and text != 'full':
            raise InputError(where, expected='full alone, as the whole image has neither margin nor box', found=text,
                             remedy='write full')
        if found['margin'] and int(found['margin']) > MOST_MARGIN:
            raise InputError(where, expected=f'a margin from 0 to {MOST_MARGIN} %', found=text,
                             remedy='choose a margin in that range')
        kind = cls(found['shape'], int(found['margin'] or MARGIN), bool(found['gt']))
        if str(kind) != text:  # two names for the same crops would be cut, stored and trained on twice
            raise InputError(where, expected=f'{kind}, the one name of these crops (a margin of {MARGIN} % is not '
                             'written, nor are zeros in front)', found=text, remedy=f'write {kind}')
        return kind


FULL = Kind('full')
DEFAULT_KINDS = (FULL, Kind('box'), Kind('square'))


def parse_kinds(texts: Iterable[str], where: str = '--kinds') -> tuple[Kind, ...]:
    """Kinds from their spellings, each once, in a fixed order, ``full`` first.

    ``full`` is always among them: it is a link, costs nothing, and says which images there are.

    Raises:
        InputError: as `Kind.parse`.
    """
    kinds = {FULL, *(Kind.parse(text, where) for text in texts)}
    return tuple(sorted(kinds, key=lambda kind: (SHAPES.index(kind.shape), kind.annotated, kind.margin)))


def parse_boxes(text: str) -> dict[str, str]:
    """``gt``, ``det``, or ``train=gt,test=det`` (splits left out keep their default) -> source by split.

    Raises:
        InputError: anything else.
    """
    chosen = dict(pair.split('=') for pair in DEFAULT_BOXES.split(','))
    if text in ('gt', 'det'):
        return dict.fromkeys(chosen, text)
    for pair in text.split(','):
        split, _, source = pair.partition('=')
        if split not in chosen or source not in ('gt', 'det'):
            raise InputError('--boxes', expected=f'gt, det, or pairs as in {DEFAULT_BOXES}', found=text,
                             remedy='set BOXES (--boxes) to one of these')
        chosen[split] = source
    return chosen
