"""One kind of error for everything a user can mend, and one place that prints it."""
from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path


class InputError(Exception):
    """Something in the user's hands is wrong.

    Args:
        where: the file, with ``:line`` where there is one, or the option.
        expected: what should have been there.
        found: what was there.
        remedy: what to do or type.
    """
    status = 2  # of the process

    def __init__(self, where: str | Path, *, expected: str, found: str, remedy: str) -> None:
        super().__init__(f'{where}: expected {expected}, found {found}\n  remedy: {remedy}')
        self.parts = dict(where=where, expected=expected, found=found, remedy=remedy)

    def __reduce__(self):  # keyword arguments, through a process pool
        return functools.partial(type(self), **self.parts), ()


class DamagedError(InputError):
    """One image, or the annotation of one image, is damaged: it can be left out (`pipelines.core.quarantine`)."""


class TooManyDamagedError(InputError):
    """The result is there, but more was left out of it than the user allows."""
    status = 3


def _say(text: str) -> None:
    """Print to stderr, on a line of its own: below progress bars that the error left open."""
    tqdm = getattr(sys.modules.get('tqdm'), 'tqdm', None)
    for bar in list(getattr(tqdm, '_instances', ())):
        bar.close()
    print(text, file=sys.stderr)


def command(main: Callable[..., None]) -> Callable[..., int]:
    """Turn a stage's ``main(argv)`` into one that returns an exit status: 0, or 2 with one or two lines on stderr."""

    @functools.wraps(main)
    def run(argv: list[str] | None = None) -> int:
        try:
            main(argv)
        except InputError as error:
            _say(f'error: {error}')
            return error.status
        except KeyboardInterrupt:
            _say('interrupted; the same command goes on from here')
            return 130
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
                raise
            _say(f'error: {error.filename or "output"}: {error.strerror}\n'
                 '  remedy: free space or choose a writable WORK folder, then run the same command; '
                 'earlier results are untouched')
            return 2
        return 0

    return run


def some_of(option: str, text: str, known: Iterable[str]) -> list[str]:
    """The names in an option's comma-separated value.

    Raises:
        InputError: one that is not ``known``.
    """
    names, known = text.split(','), list(known)
    if unknown := [name for name in names if name not in known]:
        raise InputError(option, expected=', '.join(known), found=', '.join(unknown), remedy='choose some of these')
    return names
