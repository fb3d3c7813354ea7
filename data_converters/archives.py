"""Finding a raw dataset's parts, unpacked or as official archives, and unpacking archives without trusting them."""
from __future__ import annotations

import tarfile
from pathlib import Path

from pipelines.core.errors import InputError


def find(raw: Path, parts: list[str], archives: dict[str, str], download: str) -> dict[str, Path]:
    """The unpacked parts of a dataset below ``raw`` if all are there, else its archives.

    Args:
        parts: names of the files and folders below ``raw`` when unpacked.
        archives: by a name, the glob pattern (lower case) of an archive.
        download: where the official files are, for the error.
    Returns:
        by part, a file or folder of the unpacked dataset; or by their names the archives.
    Raises:
        InputError: no such folder; nothing of the dataset in it; parts missing; two archives for one part.
    """
    if not raw.is_dir():
        raise InputError(raw, expected='the folder of the raw dataset', found='a file' if raw.exists() else 'nothing',
                         remedy=f'set RAW (--raw) to the folder with {", ".join(parts)}; {download}')
    unpacked = {part: raw / part for part in parts if (raw / part).exists()}
    if len(unpacked) == len(parts):
        return unpacked
    packed: dict[str, Path] = {}
    for name, pattern in archives.items():
        matches = sorted(path for path in raw.iterdir() if Path(path.name.lower()).match(pattern) and path.is_file())
        if len(matches) > 1:
            raise InputError(raw, expected=f'one archive {pattern}', found=', '.join(path.name for path in matches),
                             remedy='leave only the official one in RAW')
        if matches:
            packed[name] = matches[0]
    if len(packed) == len(archives):
        return packed
    missing = [part for part in parts if part not in unpacked]
    if not unpacked and not packed:
        entries = sorted(path.name for path in raw.iterdir())
        found = ', '.join(entries[:5]) + (', ...' if len(entries) > 5 else '') if entries else 'an empty folder'
        remedy = f'set RAW (--raw) to the dataset\'s own folder; {download}'
    else:
        found = f'no {", no ".join(missing)}'
        remedy = ('unpack the archives that are there (tar -xf)' if packed else 'unpack the missing archive there'
                  ) + f'; {download}'
    raise InputError(raw, expected=f'{", ".join(parts)} (or the archives {", ".join(archives.values())})',
                     found=found, remedy=remedy)


def unpack(archive: Path, into: Path) -> None:
    """Unpack a tar archive's plain files and folders.

    Raises:
        InputError: damaged or cut short; a member that is a link or a device, or whose path leads out of ``into``; a
            Python without tarfile's data filter.
    """
    from tqdm import tqdm

    if not hasattr(tarfile, 'data_filter'):
        raise InputError('python', expected='tarfile.data_filter (Python 3.10.12, 3.11.4 or newer)', found='none',
                         remedy=f'update Python, or unpack {archive.name} yourself (tar -xf) and point RAW there')
    into.mkdir(parents=True, exist_ok=True)
    remedy = 'download the official archive again'
    try:
        with tarfile.open(archive) as tar:
            for member in tqdm(tar, desc=f'unpacking {archive.name}', unit='file'):
                if member.name.rpartition('/')[2].startswith('._'):  # resource forks that macOS's tar adds
                    continue
                if not (member.isreg() or member.isdir()):
                    raise InputError(f'{archive}: {member.name}', expected='plain files and folders',
                                     found='a link' if member.issym() or member.islnk() else 'a special file',
                                     remedy=remedy)
                if not member.name.startswith('/'):
                    tar.extract(member, into, filter='data')
                else:
                    raise InputError(f'{archive}: {member.name}', expected='relative paths',
                                     found='an absolute path', remedy=remedy)
    except tarfile.FilterError as error:
        raise InputError(f'{archive}: {error.tarinfo.name}', expected='paths inside the archive\'s own folder',
                         found='a path that leads out of it', remedy=remedy) from None
    except (tarfile.TarError, EOFError) as error:
        raise InputError(archive, expected='a whole tar archive', found=str(error) or type(error).__name__,
                         remedy=remedy) from None
