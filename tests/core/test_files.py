"""Reading small files, and hashing many."""
from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.core import files, fingerprint
from pipelines.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_the_beginning_and_the_whole_of_a_file(tmp_path):
    path = tmp_path / 'a'
    path.write_bytes(b'0123456789')
    assert files.read_head(path, 4) == b'0123' and files.read_head(path, 40) == b'0123456789'
    assert files.read_whole(path, 10) == b'0123456789'
    with pytest.raises(ValueError, match='10 bytes, more than 9'):
        files.read_whole(path, 9)
    for read in (files.read_head, files.read_whole):
        with pytest.raises(IsADirectoryError):
            read(tmp_path, 1 << 20)
        with pytest.raises(FileNotFoundError):
            read(tmp_path / 'b', 1 << 20)


def test_a_disk_that_gives_a_file_in_pieces(tmp_path, monkeypatch):
    (tmp_path / 'a').write_bytes(b'0123456789')
    monkeypatch.setattr(os, 'read', lambda file, length, real=os.read: real(file, min(length, 3)))
    assert files.read_whole(tmp_path / 'a', 10) == b'0123456789'


def test_a_file_that_shrinks_while_it_is_read(tmp_path, monkeypatch):
    (tmp_path / 'a').write_bytes(b'0123456789')

    def read(file, length, real=os.read):
        os.truncate(tmp_path / 'a', 3)
        return real(file, min(length, 2))

    monkeypatch.setattr(os, 'read', read)
    assert files.read_whole(tmp_path / 'a', 10) == b'012'


@pytest.mark.parametrize('size', [0, 5, 1 << 18, (1 << 18) + 7, 1 << 21], ids='{}'.format)
def test_many_files_are_hashed_in_their_order(tmp_path, size):
    count = 40 if size < 1 << 20 else 3
    contents = [bytes([number]) * size for number in range(count)]
    for number, content in enumerate(contents):
        (tmp_path / f'{number:02}').write_bytes(content)
    paths = sorted(tmp_path.iterdir())
    expected = [hashlib.sha256(content).hexdigest() for content in contents]
    assert fingerprint.sha256_of(paths) == expected
    assert [fingerprint.sha256(path) for path in paths[:2]] == expected[:2]


def test_threads_hash_as_one_does(tmp_path, monkeypatch, hashed):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: {0, 1, 2})
    for number in range(300):
        (tmp_path / f'{number:03}').write_bytes(bytes([number % 251]) * (1 << 15))
    together = fingerprint.fingerprint(tmp_path, fingerprint.Cache())
    assert len(hashed) == 300
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: {0})
    assert fingerprint.fingerprint(tmp_path, fingerprint.Cache()) == together
    rows = ''.join(f'{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n'
                   for path in sorted(tmp_path.iterdir()))
    assert together == (hashlib.sha256(hashlib.sha256(rows.encode()).hexdigest().encode()).hexdigest(), 300)


def test_a_file_that_is_gone_leaves_none_open(tmp_path):
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b'x')
    before = len(os.listdir('/proc/self/fd'))
    with pytest.raises(FileNotFoundError):
        fingerprint.sha256_of([*tmp_path.iterdir(), tmp_path / 'gone'])
    assert len(os.listdir('/proc/self/fd')) == before


def test_writers_at_once_leave_one_whole_content(tmp_path):
    """With one name for all partial files, one writer truncates what the other publishes."""
    path, contents = tmp_path / 'a', [bytes([number]) * (1 << 16) for number in range(4)]

    def write(content: bytes) -> None:
        for _ in range(30):
            with files.replacing(path, binary=True) as stream:
                stream.write(content[:100])
                stream.flush()
                stream.write(content[100:])
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, contents))
    assert [entry.name for entry in tmp_path.iterdir()] == ['a']


def test_a_writer_that_fails_leaves_the_old_content_and_nothing_else(tmp_path):
    (tmp_path / 'a').write_text('old')
    with pytest.raises(RuntimeError), files.replacing(tmp_path / 'a') as stream:
        stream.write('half')
        raise RuntimeError
    assert (tmp_path / 'a').read_text() == 'old' and [entry.name for entry in tmp_path.iterdir()] == ['a']


def test_what_a_killed_writer_left_is_removed(tmp_path):
    program = ('import os, sys; from pathlib import Path; from pipelines.core import files\n'
               'with files.replacing(Path(sys.argv[1])) as stream:\n'
               '    stream.write("half"); stream.flush(); os.kill(os.getpid(), 9)')
    subprocess.run([sys.executable, '-c', program, tmp_path / 'a.json'], cwd=ROOT)
    assert len(left := [*tmp_path.iterdir()]) == 1 and re.fullmatch(r'\.a\.json\.[0-9a-f]{4}\.partial', left[0].name)
    files.remove_partials(tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_file_system_without_links_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, 'Operation not permitted')

    monkeypatch.setattr(os, 'symlink', refuse)
    with pytest.raises(InputError, match='full: expected a file system with symbolic links, found Operation not'):
        files.link(tmp_path / 'full', '../images')


def test_the_longest_name_can_be_written(tmp_path):
    with files.replacing(tmp_path / ('n' * 240)) as stream:
        stream.write('x')
    assert (tmp_path / ('n' * 240)).read_text() == 'x'
