"""One kind of error for everything a user can mend, and one place that prints it."""
from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from pathlib import Path


class InputError(Exception):
    """Something in the user's hands is wrong.

    Args:
        where: the file, with ``:line`` where there is one, or the option.
        expected: what should have been there.
        found: what was there.
        remedy: what to do or type.
    """

    def __init__(self, where: str | Path, *, expected: str, found: str, remedy: str) -> None:
        super().__init__(f'{where}: expected {expected}, found {found}\n  remedy: {remedy}')
        self.parts = dict(where=where, expected=expected, found=found, remedy=remedy)

    def __reduce__(self):  # keyword arguments, through a process pool
        return functools.partial(InputError, **self.parts), ()


def command(main: Callable[..., None]) -> Callable[..., int]:
    """Turn a stage's ``main(argv)`` into one that returns an exit status: 0, or 2 with one or two lines on stderr."""

    @functools.wraps(main)
    def run(argv: list[str] | None = None) -> int:
        try:
            main(argv)
        except InputError as error:
            print(f'error: {error}', file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print('interrupted; the same command goes on from here', file=sys.stderr)
            return 130
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
                raise
            print(f'error: {error.filename or "output"}: {error.strerror}\n'
                  '  remedy: free space or choose a writable WORK folder, then run the same command; '
                  'earlier results are untouched', file=sys.stderr)
            return 2
        return 0

    return run
