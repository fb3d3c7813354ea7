import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pipelines.core import download as module
from pipelines.core.download import download
from pipelines.core.errors import InputError

CONTENT = np.random.default_rng(0).bytes(1_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `Server.content` with ranges, as object stores do."""

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get('Range')
        server.requests.append((self.path, asked))
        if self.path != '/file':
            return self.send_error(404)
        start = 0
        if asked and server.ranges and self.headers.get('If-Range') == server.etag:
            start = int(asked.removeprefix('bytes=').removesuffix('-'))
            if start >= len(server.content):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header('ETag', server.etag)
        self.send_header('Content-Length', str(len(server.content) - start))
        self.end_headers()
        stop = server.stops.pop(0) if server.stops else None  # the connection ends there
        self.wfile.write(server.content[start:stop])

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.content, self.etag, self.ranges, self.stops, self.requests = CONTENT, '"one"', True, [], []
        self.url = f'http://127.0.0.1:{self.server_port}/file'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setattr(module.time, 'sleep', lambda seconds: None)
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_connection_that_ends_half_way_is_taken_up_again(server, tmp_path):
    server.stops = [400_000, 700_000]
    assert download([server.url], tmp_path / 'file', digest=DIGEST[:8]) == DIGEST
    assert [asked for _, asked in server.requests] == [None, 'bytes=400000-', 'bytes=700000-']
    assert (tmp_path / 'file').read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir() if path.suffix != '.lock'] == ['file']


def test_a_later_call_goes_on_where_an_earlier_one_stopped(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'ATTEMPTS', 1)
    server.stops = [400_000]
    with pytest.raises(InputError, match='the connection ended after 400000 bytes'):
        download([server.url], tmp_path / 'file', digest=DIGEST)
    assert not (tmp_path / 'file').exists()
    download([server.url], tmp_path / 'file', digest=DIGEST)
    assert server.requests[-1] == ('/file', 'bytes=400000-')
    assert (tmp_path / 'file').read_bytes() == CONTENT


@pytest.mark.parametrize('changed', [dict(etag='"two"', content=CONTENT[::-1]), dict(ranges=False)],
                         ids=['another file by now', 'no ranges'])
def test_what_cannot_be_taken_up_begins_anew(server, tmp_path, monkeypatch, changed):
    monkeypatch.setattr(module, 'ATTEMPTS', 1)
    server.stops = [400_000]
    with pytest.raises(InputError):
        download([server.url], tmp_path / 'file', digest='')
    vars(server).update(changed)
    download([server.url], tmp_path / 'file', digest='')
    assert (tmp_path / 'file').read_bytes() == server.content


def test_a_whole_part_that_was_never_renamed_begins_anew(server, tmp_path):
    (tmp_path / '.file.part').write_bytes(CONTENT)
    (tmp_path / '.file.etag').write_text('"one"')
    assert download([server.url], tmp_path / 'file', digest=DIGEST) == DIGEST
    assert [asked for _, asked in server.requests] == ['bytes=1000000-', None]


def test_a_file_with_another_sha256_is_not_kept(server, tmp_path):
    with pytest.raises(InputError, match=f'expected a download with SHA-256 0123abcd, found .*{DIGEST}'):
        download([server.url], tmp_path / 'file', digest='0123abcd')
    assert [path.name for path in tmp_path.iterdir() if path.suffix != '.lock'] == []


def test_sources_are_tried_in_order(server, tmp_path):
    gone = server.url.replace('/file', '/gone')
    download([gone, server.url], tmp_path / 'file', digest=DIGEST)
    assert [path for path, _ in server.requests] == ['/gone', '/file']  # not asked again: it said that it has none
    with pytest.raises(InputError, match='/gone: HTTP Error 404'):
        download([gone], tmp_path / 'other', digest=DIGEST)


def test_processes_that_want_the_same_file_fetch_it_once(server, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda _: download([server.url], tmp_path / 'file', digest=DIGEST), range(4)))
    assert digests == [DIGEST] * 4
    assert len(server.requests) == 1
