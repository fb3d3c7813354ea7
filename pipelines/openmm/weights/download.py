"""Downloads: whole files with the right SHA-256, or none."""
from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from pipelines.core.errors import InputError
from pipelines.core.fingerprint import sha256

TIMEOUT = 60  # seconds without a byte


def download(urls: Sequence[str], path: Path, *, digest: str, otherwise: str = '') -> str:
    """Fetch a file from the first source that has it.

    Processes that want the same file wait for the one that is fetching it.

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
    from torch.hub import download_url_to_file

    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    with FileLock(path.with_name(f'.{path.name}.lock')), _time_limit():
        for left in path.parent.glob(f'{path.name}.*.partial'):  # by a process that was killed
            left.unlink()
        for url in urls if not path.exists() else ():
            try:
                download_url_to_file(url, str(path), hash_prefix=digest)
                break
            except (OSError, http.client.HTTPException, RuntimeError) as error:
                failures.append(f'{url}: {error}')
    if not path.exists():
        raise InputError(path.name, expected=f'a download with SHA-256 {digest or "of any value"}',
                         found='; '.join(failures), remedy='run the same command again' + otherwise)
    return sha256(path)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """torch.hub waits for the next byte without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
