"""Whatever the system refuses ends in two lines, cause and remedy; a fault of ours in a traceback."""
from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core import errors
from pipelines.core.errors import InputError, command

ROOT = Path(__file__).resolve().parents[2]


def said(capsys, error: BaseException) -> list[str]:
    @command
    def main(argv) -> None:
        raise error

    assert main([]) == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(('code', 'remedy'), [
    (errno.ENOSPC, 'free space'), (errno.EACCES, 'writable WORK'), (errno.EPERM, 'writable WORK'),
    (errno.ENOENT, 'see what removes it'), (errno.EMFILE, 'ulimit -n 65536'), (errno.ENOMEM, '--jobs 1'),
    (errno.ESTALE, 'network share'), (errno.EIO, 'disk'), (errno.ENAMETOOLONG, 'shorter path'),
    (errno.ENOLCK, 'on another one'), (errno.ENOTDIR, 'move it away'), (errno.ECONNREFUSED, 'can be reached'),
    (errno.EBADMSG, 'FGIC_TRACEBACK=1')])
def test_an_error_number_is_a_cause_and_a_remedy(capsys, code, remedy):
    cause, help_ = said(capsys, OSError(code, os.strerror(code), 'work/crop/a.jpg'))
    assert cause == f'error: work/crop/a.jpg: {os.strerror(code)}'
    assert help_.startswith('  remedy: ') and remedy in help_


@pytest.mark.parametrize(('error', 'cause', 'remedy'), [
    (UnicodeEncodeError('utf-8', 'caf\udce9.jpg', 3, 4, 'surrogates not allowed'),
     r'error: caf\udce9.jpg: text or a name that is not UTF-8', 'rename that file'),
    (UnicodeDecodeError('utf-8', b'caf\xe9', 3, 4, 'invalid'), r'error: caf\udce9: text or a name', 'iconv'),
    (MemoryError(), 'error: the memory is not enough', 'smaller batch'),
    (RuntimeError('CUDA out of memory. Tried to allocate 2 GiB'), 'error: the memory is not enough: CUDA', '--jobs 1'),
    (RuntimeError('DataLoader worker (pid 7) is killed by signal: Bus error. '), 'error: the shared memory is not',
     '--shm-size'),
    (RuntimeError('received 0 items of ancdata'), 'error: received 0 items', 'ulimit -n')])
def test_other_refusals_are_two_lines_too(capsys, error, cause, remedy):
    first, second = said(capsys, error)
    assert first.startswith(cause) and second.startswith('  remedy: ') and remedy in second


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch):
    @command
    def main(argv) -> None:
        raise argv

    for error in (RuntimeError('shapes do not fit'), KeyError('x'), OSError('no number'), ValueError('x')):
        with pytest.raises(type(error)):
            main(error)
    monkeypatch.setenv(errors.TRACEBACK, '1')
    with pytest.raises(PermissionError):
        main(PermissionError(errno.EACCES, 'Permission denied'))
    assert main(InputError('--x', expected='a', found='b', remedy='c')) == 2


def test_words_that_a_terminal_cannot_show_end_nothing():
    program = ('from pipelines.core.errors import command\n@command\ndef main(argv):\n    print("caf\\u00e9 \\udce9")\n'
               'raise SystemExit(main())')
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, 'PYTHONIOENCODING': 'ascii'})
    assert (done.returncode, done.stdout) == (0, 'caf\\xe9 \\udce9\n'), done.stderr


def test_a_reader_that_stops_is_no_error():
    program = ('from pipelines.core.errors import command\n@command\ndef main(argv):\n'
               '    for _ in range(100000): print("a line")\nraise SystemExit(main())')
    first = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert first.stdout.readline() == b'a line\n'
    first.stdout.close()
    assert first.wait() == 141 and first.stderr.read() == b''
