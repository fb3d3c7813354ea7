"""Archives from strangers: nothing lands outside, and no more than a stated size inside."""
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest

from data_converters import archives
from pipelines.core.errors import InputError

BLOCK = tarfile.BLOCKSIZE
GIB = 1 << 30


def member(name: str, data: bytes = b'x', **changes) -> bytes:
    """A member as it stands in an archive: header and padded data. ``size`` may say something else than the data."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % BLOCK)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    return member(name, b'', type=kind, linkname=target)


def special(kind: bytes) -> bytes:
    return member('special', b'', type=kind, devmajor=1, devminor=5)


def ended(*members: bytes) -> bytes:
    return b''.join(members) + bytes(2 * BLOCK)


def pax(**records: str) -> bytes:
    lines = b''
    for key, value in records.items():
        line = f' {key.replace("_", ".")}={value}\n'.encode()
        length = len(line) + len(str(len(line) + 2))
        lines += str(length).encode() + line
    return member('pax', lines, type=tarfile.XHDTYPE)


def bomb(pack) -> bytes:
    """10 GiB of zeros: compressed streams may be strung together."""
    return pack(member('zeros', b'', size=10 * GIB)) + pack(bytes(1 << 26)) * (10 * GIB >> 26) + pack(bytes(2 * BLOCK))


GOOD = member('Images/a.jpg', b'picture')
ABOVE, PLAIN, WHOLE, LARGE = ("paths inside the archive's own folder", 'plain files and folders',
                              'a whole tar archive', 'bytes in it (100 times its size)')
CASES = {
    'traversal': (lambda out: ended(GOOD, member('../../out/x')), ABOVE),
    'traversal in the middle': (lambda out: ended(GOOD, member('Images/../../out/x')), ABOVE),
    'traversal of a folder': (lambda out: ended(GOOD, member('../out/x', b'', type=tarfile.DIRTYPE)), ABOVE),
    'absolute': (lambda out: ended(GOOD, member(f'{out}/x')), ABOVE),
    'absolute by pax': (lambda out: ended(GOOD, pax(path=f'{out}/x') + member('x')), ABOVE),
    'backslashes': (lambda out: ended(GOOD, member('..\\..\\out\\x')), ABOVE),
    'a drive': (lambda out: ended(GOOD, member('C:/x')), ABOVE),
    'a NUL by pax': (lambda out: ended(GOOD, pax(path='a\0b') + member('x')), ABOVE),
    'too long a name': (lambda out: ended(GOOD, pax(path='n' * 300) + member('x')), ABOVE),
    'link out, then through it': (lambda out: ended(link('d', str(out)), member('d/x')), PLAIN),
    'relative link out': (lambda out: ended(GOOD, link('d', '../../out')), PLAIN),
    'hard link to a file outside': (lambda out: ended(GOOD, link('h', f'{out}/secret', tarfile.LNKTYPE)), PLAIN),
    'hard link inside': (lambda out: ended(GOOD, link('h', 'Images/a.jpg', tarfile.LNKTYPE)), PLAIN),
    'character device': (lambda out: ended(GOOD, special(tarfile.CHRTYPE)), PLAIN),
    'block device': (lambda out: ended(GOOD, special(tarfile.BLKTYPE)), PLAIN),
    'pipe': (lambda out: ended(GOOD, special(tarfile.FIFOTYPE)), PLAIN),
    'sparse, 10 GiB in one block': (lambda out: ended(GOOD, pax(
        GNU_sparse_major='0', GNU_sparse_minor='1', GNU_sparse_name='s', GNU_sparse_map='0,1',
        GNU_sparse_size=str(10 * GIB)) + member('s')), LARGE),
    'sparse, small': (lambda out: ended(GOOD, pax(
        GNU_sparse_major='0', GNU_sparse_minor='1', GNU_sparse_name='s', GNU_sparse_map='0,1',
        GNU_sparse_size='600') + member('s')), PLAIN),
    '10 GiB of zeros, gzip': (lambda out: bomb(gzip.compress), LARGE),
    '10 GiB of zeros, bzip2': (lambda out: bomb(bz2.compress), LARGE),
    '10 GiB of zeros, xz': (lambda out: bomb(lambda data: lzma.compress(data, preset=0)), LARGE),
    '10 GiB of zeros under a name that is skipped': (
        lambda out: gzip.compress(
            member('._zeros', b'', size=10 * GIB)) + gzip.compress(bytes(1 << 26)) * 160, LARGE),
    'a size that is not there': (lambda out: ended(member('x', b'', size=10 * GIB)), LARGE),
    'a negative size': (lambda out: ended(GOOD, member('x', b'', size=-BLOCK)), LARGE),
    'a pax header of 10 GiB': (lambda out: ended(GOOD, member('pax', b'', type=tarfile.XHDTYPE, size=10 * GIB)), WHOLE),
    'a long name of 10 GiB': (lambda out: ended(member('@', b'', type=tarfile.GNUTYPE_LONGNAME, size=10 * GIB)), WHOLE),
    'pax headers without end': (lambda out: ended(pax(path='a') * 3000), WHOLE),
    'a file, then a folder of that name': (lambda out: ended(member('a'), member('a/b')), 'a name once'),
    'a folder, then a file of that name': (lambda out: ended(member('a/b'), member('a')), 'a name once'),
    'cut in a file': (lambda out: ended(member('a', bytes(5000)))[:3000], WHOLE),
    'cut between files': (lambda out: GOOD, WHOLE),
    'cut in a header': (lambda out: (GOOD + GOOD)[:1300], WHOLE),
    'a damaged header in the middle': (lambda out: ended(GOOD, b'?' * BLOCK, GOOD), WHOLE),
    'a zeroed header in the middle': (lambda out: ended(GOOD, bytes(BLOCK), GOOD), WHOLE),
    'cut gzip': (lambda out: gzip.compress(ended(GOOD))[:-20], WHOLE),
    'damaged gzip': (lambda out: gzip.compress(ended(GOOD))[:40] + b'\xff' * 20, WHOLE),
    'wrong gzip checksum': (lambda out: gzip.compress(ended(GOOD))[:-8] + bytes(8), WHOLE),
    'damaged bzip2': (lambda out: bz2.compress(ended(GOOD))[:40] + b'\xff' * 40, WHOLE),
    'damaged xz': (lambda out: lzma.compress(ended(GOOD))[:40] + b'\xff' * 40, WHOLE),
    'empty': (lambda out: b'', WHOLE),
    'no archive': (lambda out: b'hello' * 1000, WHOLE),
    'a zip': (lambda out: b'PK\3\4' + bytes(1000), WHOLE),
}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('name', CASES)
def test_it_is_refused_and_nothing_is_written_outside(tmp_path, name):
    out, into, archive = tmp_path / 'out', tmp_path / 'in' / 'to', tmp_path / 'archive.tar'
    out.mkdir()
    (out / 'secret').write_bytes(b'secret')
    build, expected = CASES[name]
    archive.write_bytes(build(out))
    with pytest.raises(InputError) as raised:
        archives.unpack(archive, into)
    assert str(archive) in str(raised.value) and expected in str(raised.value)
    assert files(out) == {'secret': b'secret'}
    assert {path.name for path in tmp_path.iterdir()} <= {'out', 'in', 'archive.tar'}
    assert {path.name for path in into.parent.iterdir()} == {'to'}
    assert not any(path.is_symlink() for path in into.rglob('*'))
    unpacked = sum(map(len, files(into).values()))
    assert unpacked <= max(archives.RATIO * archive.stat().st_size, 1 << 20)


def test_a_full_disk_is_seen_before_it_is_full(tmp_path, monkeypatch):
    (tmp_path / 'a.tar').write_bytes(ended(member('a', bytes(100_000))))
    usage = archives.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, 'disk_usage', lambda path: usage._replace(free=50_000))
    with pytest.raises(InputError, match='50,000 that the disk has room for'):
        archives.unpack(tmp_path / 'a.tar', tmp_path / 'into')
    assert files(tmp_path / 'into') == {}


@pytest.mark.parametrize('pack', [bytes, gzip.compress, bz2.compress, lzma.compress],
                         ids=['tar', 'gzip', 'bzip2', 'xz'])
@pytest.mark.parametrize('form', [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_odd_archives_are_unpacked(tmp_path, pack, form):
    """./ in front, names of 200 characters, accents, blanks, %s, modes without reading, resource forks of macOS."""
    contents = {'Images/%s.jpg': b'1', 'Images/é ñ/a b.jpg': b'2' * 10_000, f'Images/{"l" * 90}/{"m" * 95}.jpg': b'3',
                'Images/-rf': b''}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w', format=form) as tar:
        for name, data in {'Images/._a.jpg': b'fork', **contents}.items():
            info = tarfile.TarInfo(f'./{name}')
            info.size, info.mode, info.uid, info.uname = len(data), 0o4000, 0, 'root'
            tar.addfile(info, io.BytesIO(data))
    (tmp_path / 'a.tar').write_bytes(pack(stream.getvalue()))
    archives.unpack(tmp_path / 'a.tar', tmp_path / 'into')
    assert files(tmp_path / 'into') == contents
    assert all(path.stat().st_mode & 0o7777 == 0o600 for path in (tmp_path / 'into').rglob('*') if path.is_file())
