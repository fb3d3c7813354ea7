"""Broken and hostile input (docs/reliability.md). ``FGIC_COUNTS=full pytest tests/hostile`` runs the full counts."""
from __future__ import annotations

import os
from random import Random

from hypothesis import strategies as st

FULL = os.environ.get('FGIC_COUNTS') == 'full'
Edit = tuple[str, float, bytes, float]
_KINDS = ('cut', 'zeros', 'replace', 'insert', 'delete', 'flip', 'repeat')


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """Data after edits: kind, place and length as shares of the data (lengths of 1 byte to a quarter), and bytes."""
    for kind, place, new, extent in edits:
        start, length = int(place * len(data)), 1 + int(extent ** 4 * len(data) / 4)
        end = start + length
        data = dict(
            cut=data[:start], zeros=data[:start] + bytes(len(data[start:end])) + data[end:],
            replace=data[:start] + (new * length)[:len(data[start:end])] + data[end:],
            insert=data[:start] + new + data[start:], delete=data[:start] + data[end:],
            flip=data[:start] + bytes(byte ^ 1 << len(new) % 8 for byte in data[start:start + 1]) + data[start + 1:],
            repeat=data[:end] + data[start:])[kind]
    return data


def random_edits(random: Random, kinds: tuple[str, ...] = _KINDS) -> list[Edit]:
    return [(random.choice(kinds), random.random(), random.randbytes(random.randint(1, 8)), random.random())
            for _ in range(random.randint(1, 3))]


SHARE = st.floats(0, 1, exclude_max=True)
EDITS = st.lists(st.tuples(st.sampled_from(_KINDS), SHARE, st.binary(min_size=1, max_size=8), SHARE), min_size=1,
                 max_size=4)
