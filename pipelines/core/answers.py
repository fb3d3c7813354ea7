"""What a chain says of an animal: its class, else its super-class, else nothing, and why."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.core.bundle import Bundle
from pipelines.core.card import groups
from pipelines.core.errors import InputError

LEVELS = ('class', 'super-class')
NONE = 'none'


class Answer(NamedTuple):
    """Args:
        level: ``class``, ``super-class`` or ``none``.
        name: of the class or the super-class; empty where nothing is said.
        confidence: of that name; of the best class where nothing is said.
        reason: why it is not the class; empty where it is.
    """
    level: str
    name: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Rules:
    """When a chain is sure.

    Args:
        classes, super_classes: of each class.
        below: by level, the confidence below which it is unsure; None: it never is sure.
        target: the share of answers that are to be right.
        allowed: (C,) whether a class can occur; None: all can.
    """
    classes: tuple[str, ...]
    super_classes: tuple[str, ...]
    below: dict[str, float | None]
    target: float
    allowed: tuple[bool, ...] | None = None

    @classmethod
    def of(cls, bundle: Bundle, target: float, allowed: tuple[bool, ...] | None = None) -> Rules:
        """As val says; a target of 0: it is always sure."""
        below = {level: row['value'] if target else 0. for level, row in bundle.unsure_below(target or 0.5).items()}
        return cls(tuple(bundle.classes), tuple(bundle.card['super_classes']), below, target, allowed)

    def possible(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) scores, 0 for classes that cannot occur. The others keep theirs: what is taken away is no evidence."""
        return scores if self.allowed is None else np.where(self.allowed, scores, 0.)

    def answer(self, scores: NDArray[np.float64]) -> Answer:
        """Args:
            scores: (C,) calibrated.
        """
        possible = self.possible(scores)
        best = int(possible.argmax())
        confidence, name = float(possible[best]), self.classes[best]
        reason = self._doubt('class', name, confidence)
        if not reason:
            return Answer('class', name, confidence, '')
        if (first := int(scores.argmax())) != best:
            reason += f' ({self.classes[first]}, {scores[first]:.2f}, is not on the list)'
        if 'super-class' in self.below:
            sums = possible @ groups(self.classes, self.super_classes)
            group = list(dict.fromkeys(self.super_classes))[int(sums.argmax())]
            if not (doubt := self._doubt('super-class', group, float(sums.max()))):
                return Answer('super-class', group, float(sums.max()), reason)
            reason += f'; {doubt}'
        return Answer(NONE, '', confidence, reason)

    def _doubt(self, level: str, name: str, confidence: float) -> str:
        """Why this is not the answer; empty where it is."""
        least = self.below[level]
        if least is None:
            return f'{name}, {confidence:.2f}: no confidence reaches {self.target:.0%} on val'
        return f'{name}, {confidence:.2f}: below {least:.2f}' if confidence < least else ''


def best(scores: NDArray[np.float64], most: int) -> list[tuple[int, float]]:
    """The best classes and their scores, to 5 digits; of equal scores the first class first."""
    order = np.argsort(-scores, kind='stable')[:most]
    return [(int(number), round(float(scores[number]), 5)) for number in order]


def read_allowed(path: Path, classes: Sequence[str]) -> tuple[bool, ...]:
    """Which classes a list names, one on a line; blank lines and those that begin with # do not count.

    Raises:
        InputError: no list, a name of no class, or no name at all.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, expected='a list of classes, one on a line, UTF-8', found=f'{error}',
                         remedy='correct --allow') from None
    named = [line for line in lines if line and not line.startswith('#')]
    for number, line in enumerate(lines, start=1):
        if line in named and line not in classes:
            from difflib import get_close_matches

            near = get_close_matches(line, classes, 3) or list(classes[:3])
            raise InputError(f'{path}:{number}', expected='the name of a class of the bundle', found=line,
                             remedy=f'did you mean {" or ".join(near)}? card.json has all of them')
    if not named:
        raise InputError(path, expected='a class at least', found='none', remedy='correct --allow, or leave it out')
    return tuple(name in named for name in classes)


def shown(answer: Answer, **more: Any) -> dict[str, Any]:
    """As JSON."""
    return dict(level=answer.level, name=answer.name, confidence=round(answer.confidence, 5), reason=answer.reason,
                **more)


def promise(row: dict[str, Any], target: float) -> str:
    """What val says of a target, in words.

    Args:
        row: of `calibration.unsure_below`.
    """
    if row['value'] is None:
        return f'no confidence reaches {target:.0%} on the {row["images"]:,} images of val: the answer is always open'
    low, high = row['interval']
    seen = (f'{row["accuracy"]:.1%} of val\'s answers from {row["value"]:.2f} on are right ({low:.1%} to {high:.1%}), '
            f'those to {row["coverage"]:.0%} of its {row["images"]:,} images')
    if row['promised']:
        return f'{target:.0%} are promised: {seen}'
    return f'cannot promise {target:.0%}, val is too small (at least {row["needs"]:,} images): {seen}'
