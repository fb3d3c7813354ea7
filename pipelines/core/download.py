"""Downloads that go on where they stopped, and count only once their SHA-256 is right."""
from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from pipelines.core.errors import InputError
from pipelines.core.fingerprint import sha256

ATTEMPTS = 5
TIMEOUT = 60  # seconds without a byte


def download(urls: Sequence[str], path: Path, *, digest: str, otherwise: str = '') -> str:
    """Fetch a file from the first source that has it.

    What was received stays beside it in ``.NAME.part``; the next attempt, or the next call, asks for the rest of it
    (HTTP range) as long as the server says that the file is the same (ETag). Processes that want the same file wait for
    the one that is fetching it.

    Args:
        urls: http(s), in the order to try them.
        path: where the file goes; one that is already there is left alone.
        digest: leading hex digits of its SHA-256; empty: not known.
        otherwise: what else can be done, for the end of the error.
    Returns:
        the SHA-256.
    Raises:
        InputError: no source gave a whole file with that SHA-256.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    failures = []
    with FileLock(path.with_name(f'.{path.name}.lock')):
        if path.exists():
            return sha256(path)
        for url in urls:
            try:
                _fetch(url, part)
            except (OSError, http.client.HTTPException) as error:
                failures.append(f'{url}: {error}')
                continue
            found = sha256(part)
            if found.startswith(digest):
                part.replace(path)
                return found
            part.unlink()
            failures.append(f'{url}: SHA-256 {found}')
    raise InputError(path.name, expected=f'a download with SHA-256 {digest or "of any value"}',
                     found='; '.join(failures), remedy='run the same command again: it goes on where it stopped'
                     + otherwise)


def _fetch(url: str, part: Path) -> None:
    """Bring ``part`` to the whole content of a URL, in `ATTEMPTS` requests at most."""
    etag = part.with_suffix('.etag')  # of the content that ``part`` is the beginning of
    for attempt in range(ATTEMPTS):
        time.sleep(attempt)
        try:
            if _request(url, part, etag):
                etag.unlink(missing_ok=True)
                return
        except urllib.error.HTTPError as error:
            if error.code == 416:  # asked beyond its end: ``part`` is no beginning of it
                etag.unlink(missing_ok=True)
            elif error.code < 500:
                raise
            failure: Exception = error
        except (OSError, http.client.HTTPException) as error:
            failure = error
        else:
            failure = OSError(f'the connection ended after {part.stat().st_size} bytes')
    raise failure


def _request(url: str, part: Path, etag: Path) -> bool:
    """Ask once for what is missing and append it; whether that was all."""
    from tqdm import tqdm

    request = urllib.request.Request(url, headers={'User-Agent': 'fgic-pipeline'})
    if part.exists() and etag.exists():
        request.add_header('Range', f'bytes={part.stat().st_size}-')
        request.add_header('If-Range', etag.read_text())
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        resumed = response.status == 206
        mark = response.headers.get('ETag') or ''
        if not resumed:
            etag.unlink(missing_ok=True)
        if mark and not mark.startswith('W/'):  # a weak one does not promise the same bytes
            etag.write_text(mark)
        have = part.stat().st_size if resumed else 0
        length = response.headers.get('Content-Length')
        total = have + int(length) if length else None
        with part.open('ab' if resumed else 'wb') as stream, \
                tqdm(desc=part.name[1:-5], total=total, initial=have, unit='B', unit_scale=True,
                     dynamic_ncols=True) as bar:
            while block := response.read(1 << 18):
                stream.write(block)
                bar.update(len(block))
    return total is None or part.stat().st_size == total
