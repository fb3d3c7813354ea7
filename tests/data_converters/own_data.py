"""Small raw datasets of one's own, and what convert says of them."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.convert import convert
from pipelines.core.errors import InputError


def picture(path: Path, number: int, size: tuple[int, int] = (60, 40), **options) -> Path:
    """An image with bytes of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def folders(root: Path, *parents: str, each: int = 5) -> Path:
    """Class folders fly and cap, of five images each, in every parent."""
    number = 0
    for parent in parents or ('',):
        for label in ('fly', 'cap'):
            for _ in range(each):
                number += 1
                picture(root / parent / label / f'{number}.jpg', number)
    return root


def table(root: Path, **columns: Callable[[int, str], object]) -> Path:
    """metadata.csv of ten images, half of them fly; more columns by a function of number and label."""
    rows = []
    for number in range(1, 11):
        label = 'fly' if number % 2 else 'cap'
        picture(root / f'{number}.jpg', number)
        rows.append(dict(dict(file_name=f'{number}.jpg', label=label),
                         **{name: of(number, label) for name, of in columns.items()}))
    (root / 'metadata.csv').write_text('\n'.join([','.join(rows[0]), *(
        ','.join(f'"{value}"' for value in row.values()) for row in rows)]) + '\n')
    return root


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refused(raw: Path, message: str, **options) -> None:
    with pytest.raises(InputError, match=f'(?s){message}') as raised:
        convert('own', raw, raw.parent / 'out', **options)
    assert str(raised.value).count('\n') == 1 and raised.value.parts['remedy']
    assert not (raw.parent / 'out').exists()
