"""Numbers and results in words."""
from __future__ import annotations

import re

MINUS = '\u2212'
MARKS = {'better': '▲', 'worse': '▼', 'no gain shown': '●', 'one seed: no verdict': '○'}


def percent(share: float | None, digits: int = 1) -> str:
    """0.9345 -> 93.5"""
    return '–' if share is None else f'{100 * share:.{digits}f}'


def points(share: float) -> str:
    """0.063 -> +6.3, with a true minus sign; what rounds to nothing has no sign."""
    text = f'{100 * share:+.1f}'
    return '0.0' if text[1:] == '0.0' else text.replace('-', MINUS)


def times(count: int, what: str = 'time') -> str:
    """1 time, 1,200 times"""
    return f'{count:,} {what}{"" if count == 1 else "s"}'


def listing(items: list[str]) -> str:
    """a; a and b; a, b and c"""
    return items[0] if len(items) == 1 else ', '.join(items[:-1]) + ' and ' + items[-1]


def sentence(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]


def name(text: str) -> str:
    """A class as a reader sees it: without underscores and the number that CUB puts first."""
    return re.sub(r'^\d+\.', '', text).replace('_', ' ')
