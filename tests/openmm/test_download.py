import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import InputError
from pipelines.openmm.weights import download as module
from pipelines.openmm.weights.download import download

CONTENT = np.random.default_rng(0).bytes(1_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `CONTENT`, or the beginning of it, or nothing for the time that `Server.silent` gives."""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self.path != '/file':
            return self.send_error(404)
        self.send_response(200)
        self.send_header('Content-Length', str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:self.server.stop])
        self.wfile.flush()
        self.server.ended.wait(self.server.silent)

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.stop, self.silent, self.ended, self.requests = len(CONTENT), 0., threading.Event(), []
        self.url = f'http://127.0.0.1:{self.server_port}/file'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.ended.set()
        running.shutdown()


def kept(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix != '.lock']


def test_a_connection_that_ends_half_way_leaves_nothing(server, tmp_path):
    server.stop = 400_000
    half = hashlib.sha256(CONTENT[:400_000]).hexdigest()
    with pytest.raises(InputError, match=f'SHA-256 {DIGEST[:8]}, found .*{half}'):
        download([server.url], tmp_path / 'file', digest=DIGEST[:8])
    assert kept(tmp_path) == []
    server.stop = len(CONTENT)
    assert download([server.url], tmp_path / 'file', digest=DIGEST[:8]) == DIGEST
    assert (tmp_path / 'file').read_bytes() == CONTENT and kept(tmp_path) == ['file']


def test_a_server_that_falls_silent_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'TIMEOUT', 0.2)
    server.stop, server.silent = 400_000, 60
    with pytest.raises(InputError, match='timed out'):
        download([server.url], tmp_path / 'file', digest=DIGEST)
    assert kept(tmp_path) == [] and module.socket.getdefaulttimeout() is None


def test_what_a_killed_process_left_is_removed(server, tmp_path):
    (tmp_path / 'file.0123.partial').write_bytes(CONTENT[:9])
    download([server.url], tmp_path / 'file', digest='')
    assert kept(tmp_path) == ['file']


def test_sources_are_tried_in_order(server, tmp_path):
    gone = server.url.replace('/file', '/gone')
    download([gone, server.url], tmp_path / 'file', digest=DIGEST)
    assert server.requests == ['/gone', '/file']
    with pytest.raises(InputError, match='/gone: HTTP Error 404'):
        download([gone], tmp_path / 'other', digest=DIGEST)


def test_processes_that_want_the_same_file_fetch_it_once(server, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda _: download([server.url], tmp_path / 'file', digest=DIGEST), range(4)))
    assert digests == [DIGEST] * 4
    assert server.requests == ['/file']
