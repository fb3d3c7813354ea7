"""JSON files: to the letter, written whole or not at all, and a row at a time where they are long."""
from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pipelines.core.files import replacing

_encoder = functools.partial(json.JSONEncoder, ensure_ascii=False, allow_nan=False)
dumps = _encoder().encode


def write(path: Path, content: Any, *, indent: int | None = 1) -> None:
    with replacing(path) as stream:
        stream.write(_encoder(indent=indent).encode(content) + '\n')


def appending(stream: IO[str]) -> Callable[[str], None]:
    """Write the rows of a list with the function that this gives, each as JSON: a row on a line."""
    write, separator = stream.write, '\n'

    def append(row: str) -> None:
        nonlocal separator
        write(separator + row)
        separator = ',\n'

    return append


def write_rows(path: Path, rows: Iterable[str]) -> None:
    """Write a list of rows, each given as JSON, a row on a line, without holding them."""
    with replacing(path) as stream:
        stream.write('[')
        append = appending(stream)
        for row in rows:
            append(row)
        stream.write('\n]\n')


@contextlib.contextmanager
def writing_lists(path: Path, names: Sequence[str], head: Mapping[str, Any] | None = None
                  ) -> Iterator[Callable[[str, str], None]]:
    """Write an object of lists with the function that this gives: name of a list, row as JSON.

    Args:
        names: of the lists, in the order of the file.
        head: what stands in front of them.

    Rows are written as they come, a row on a line, so they have to come in the order of ``names``.

    Raises:
        ValueError: (the function) a row of a list that is closed already.
    """
    with replacing(path) as stream:
        begun = 0
        current: str | None = None
        add: Callable[[str], Any] = stream.write  # of the present list, once one has begun
        stream.write('{' + ''.join(f'\n{dumps(key)}: {dumps(value)},' for key, value in (head or {}).items()))

        def begin(number: int) -> None:
            nonlocal begun, current, add
            while begun < number:
                current, add = names[begun], appending(stream)
                stream.write(('\n],' if begun else '') + f'\n{dumps(current)}: [')
                begun += 1

        def append(name: str, row: str) -> None:
            if name != current:
                if name in names[:begun]:
                    raise ValueError(f'a row of {name} after those of {current}')
                begin(names.index(name) + 1)
            add(row)

        yield append
        begin(len(names))
        stream.write('\n]\n}\n')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'{next(name for name in names if names.count(name) > 1)!r:.80} twice in one object')
    return content


def _no_number(text: str) -> None:
    raise ValueError(f'{text}, which is no JSON')


def read(path: Path) -> Any:
    """JSON to the letter: no NaN, no Infinity, no name twice in an object.

    Raises:
        ValueError: anything else.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'), parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError('lists in lists without end') from None
