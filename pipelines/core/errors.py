"""One kind of error for everything a user can mend, and one place that prints it."""
from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


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
        self.parts: dict[str, Any] = dict(where=where, expected=expected, found=found, remedy=remedy)

    def __reduce__(self) -> tuple[Any, ...]:  # keyword arguments, through a process pool
        return functools.partial(type(self), **self.parts), ()


class DamagedError(InputError):
    """One image, or the annotation of one image, is damaged: it can be left out (`pipelines.core.quarantine`)."""


class TooManyDamagedError(InputError):
    """The result is there, but more was left out of it than the user allows."""
    status = 3


_AGAIN = 'then run the same command; earlier results are untouched'
_SPACE = 'free space, or choose a WORK folder on another disk, ' + _AGAIN
_MEMORY = 'run it again with less at a time: fewer workers or JOBS (--jobs 1), a smaller batch; it goes on from here'
_SHARED = "give loader workers more shared memory (docker run --shm-size=4g), or do without them: --cfg-options " \
          'train_dataloader.num_workers=0'
_REMEDIES = {  # of what the system refuses, by error number
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG): _SPACE,
    (errno.EACCES, errno.EPERM, errno.EROFS):
        'make it readable, or choose a writable WORK folder, ' + _AGAIN,
    (errno.ENOENT,): 'it was there a moment ago: see what removes it, ' + _AGAIN,
    (errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR):
        'a file is where a folder belongs, or a folder where a file does: move it away, ' + _AGAIN,
    (errno.EMFILE, errno.ENFILE): 'allow more open files: ulimit -n 65536, ' + _AGAIN,
    (errno.ENOMEM, errno.EAGAIN): _MEMORY,
    (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO, errno.EHOSTDOWN, errno.ENODEV):
        'see whether the disk or the network share is well (dmesg), ' + _AGAIN,
    (errno.ENAMETOOLONG,): 'choose a WORK folder with a shorter path, ' + _AGAIN,
    (errno.ELOOP,): 'mend the links that lead to each other, ' + _AGAIN,
    (errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EXDEV):
        'the file system cannot do that: choose a WORK folder on another one, ' + _AGAIN,
    (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRINUSE):
        'see whether that machine can be reached, and that no other run has the port, ' + _AGAIN,
}
TRACEBACK = 'FGIC_TRACEBACK'  # set: what the system refused is shown with the place in the code


def explained(error: BaseException) -> str | None:
    """Cause and remedy, in two lines, of an error that the system or the machine is the cause of; None: of another."""
    words = ' '.join(str(error).split())
    if isinstance(error, OSError) and error.errno is not None:
        place = ' -> '.join(_printable(name) for name in (error.filename, error.filename2) if name is not None)
        default = f'see whether the file system is well, {_AGAIN} ({TRACEBACK}=1 says where in the code)'
        remedy = next((remedy for codes, remedy in _REMEDIES.items() if error.errno in codes), default)
        return f'{place or "output"}: {error.strerror or words}\n  remedy: {remedy}'
    if isinstance(error, UnicodeError):
        return f'{_printable(getattr(error, "object", b""))[:120]}: text or a name that is not UTF-8\n' \
               f'  remedy: rename that file, or save it as UTF-8 (convmv, iconv), {_AGAIN}'
    if isinstance(error, MemoryError) or 'out of memory' in words.lower():
        return f'the memory is not enough: {words[:200] or "no more could be had"}\n  remedy: {_MEMORY}'
    if 'shared memory' in words or 'Bus error' in words:
        return f'the shared memory is not enough: {words[:200]}\n  remedy: {_SHARED}'
    if 'received 0 items of ancdata' in words or 'Too many open files' in words:
        return f'{words[:200]}\n  remedy: {_REMEDIES[errno.EMFILE, errno.ENFILE]}'
    return None


def _printable(name: object) -> str:
    text = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    return text.encode('utf-8', 'backslashreplace').decode()


def _say(text: str) -> None:
    """Print to stderr, on a line of its own: below progress bars that the error left open."""
    tqdm = getattr(sys.modules.get('tqdm'), 'tqdm', None)
    for bar in list(getattr(tqdm, '_instances', ())):
        bar.close()
    print(text, file=sys.stderr)


def _any_letter() -> None:
    """A terminal that has not all letters (LANG=C) shows others as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')


def command(main: Callable[..., None]) -> Callable[..., int]:
    """Turn a stage's ``main(argv)`` into one that returns an exit status: 0, or 2 with one or two lines on stderr."""

    @functools.wraps(main)
    def run(argv: list[str] | None = None) -> int:
        _any_letter()
        try:
            main(argv)
        except InputError as error:
            _say(f'error: {error}')
            return error.status
        except KeyboardInterrupt:
            _say('interrupted; the same command goes on from here')
            return 130
        except BrokenPipeError:  # of `... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except (OSError, UnicodeError, MemoryError, RuntimeError) as error:
            if os.environ.get(TRACEBACK) or (words := explained(error)) is None:
                raise
            _say(f'error: {words}')
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
