"""What the server refuses and how it queues, over real HTTP; pictures are really decoded, no network is asked."""
from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tornado.netutil import bind_sockets

from pipelines.core import images
from pipelines.core.errors import InputError
from tools.serving import app


def jpeg(width: int = 40, height: int = 30) -> bytes:
    return images.encode_jpeg(np.full((height, width, 3), 120, np.uint8), 90)


def sized(data: bytes, pictures: bool) -> dict[str, Any]:
    """A picture's size in predict's JSON."""
    try:
        picture = images.parse(data, 'photograph')
    except InputError as error:
        return dict(images=[dict(file='photograph', detections=None, failure=error.parts['found'])])
    return dict(images=[dict(file='photograph', width=picture.size[0], height=picture.size[1], detections=[])])


class Server:
    """One in a thread of its own."""

    def __init__(self, **state: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.socket, = bind_sockets(0, '127.0.0.1')
        self.port = self.socket.getsockname()[1]
        self.host = f'127.0.0.1:{self.port}'
        self.state = app.State(**{**dict(answer=sized, about=dict(row='r'), hosts=app.names_of('127.0.0.1', self.port)),
                                  **state})
        started = threading.Event()

        def run() -> None:
            asyncio.set_event_loop(self.loop)

            async def start() -> None:
                app.server(self.state).add_sockets([self.socket])
                started.set()

            self.loop.create_task(start())
            self.loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        assert started.wait(10)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
            answer = connection.getresponse()
            content, found = answer.read(), dict(answer.getheaders())
        finally:
            connection.close()
        return answer.status, json.loads(content) if 'json' in found['Content-Type'] else content.decode(), found


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.loop.call_soon_threadsafe(one.loop.stop)


def form(*files: bytes) -> tuple[bytes, str]:
    head = b'--x\r\nContent-Disposition: form-data; name="a%d"; filename="../../etc/passwd"\r\n\r\n%s\r\n'
    parts = b''.join(head % pair for pair in enumerate(files))
    return parts + b'--x--\r\n', 'multipart/form-data; boundary=x'


def test_a_photograph_is_answered_raw_and_as_a_form(server):
    status, raw, headers = server.ask('POST', '/predict', jpeg())
    assert status == 200 and raw['images'] == [dict(file='photograph', width=40, height=30, detections=[])]
    body, kind = form(jpeg())
    assert server.ask('POST', '/predict', body, Content_Type=kind)[:2] == (200, raw)
    assert server.ask('GET', '/health')[1] == dict(row='r', waiting=0) and settled(server)
    assert headers['Cache-Control'] == 'no-store'


@pytest.mark.parametrize(('headers', 'status'), [
    (dict(), 200), (dict(Host='localhost:{port}'), 200), (dict(Origin='http://127.0.0.1:{port}'), 200),
    (dict(Host='evil.example'), 403), (dict(Host='127.0.0.1:1'), 403), (dict(Origin='https://evil.example'), 403),
    (dict(Origin='null'), 403), (dict(Host='localhost:{port}.evil.example'), 403)])
def test_other_sites_cannot_ask_in_a_visitors_name(server, headers, status):
    given = {name: value.format(port=server.port) for name, value in headers.items()}
    for method, path, body in (('POST', '/predict', jpeg()), ('GET', '/health', None), ('GET', '/', None)):
        assert server.ask(method, path, body, **given)[0] == status


def test_a_token_is_asked_for_where_others_reach_the_server():
    one = Server(token='secret')
    assert one.ask('POST', '/predict', jpeg())[0] == 401
    assert one.ask('POST', '/predict', jpeg(), Authorization='Bearer wrong')[0] == 401
    assert one.ask('POST', '/predict', jpeg(), Authorization='Bearer secret')[0] == 200
    assert one.ask('GET', '/')[0] == 200 and settled(one)


def test_names_of_addresses():
    assert app.names_of('127.0.0.1', 8000) == {'localhost:8000', '127.0.0.1:8000', '[::1]:8000'}
    assert app.names_of('10.0.0.2', 80, ['Lab.example']) == {'10.0.0.2:80', '10.0.0.2', 'lab.example:80', 'lab.example'}
    every = app.names_of('0.0.0.0', 8000)  # all by which this machine is reached
    assert {'localhost:8000', '127.0.0.1:8000', f'{socket.gethostname().lower()}:8000'} <= every
    assert [app.is_own(host) for host in ('localhost', '::1', '0.0.0.0', '192.168.0.2')] == [True, True, False, False]


def test_a_body_has_an_end(server):
    status, said, _ = server.ask('POST', '/predict', b'x' * (app.MAX_BYTES + 1))
    assert (status, said['error']) == (413, 'More than 20 MB')
    chunks = iter([b'x' * (1 << 20)] * 21)  # sent piece by piece: nobody says how long it is
    assert server.ask('POST', '/predict', chunks)[0] == 413
    assert settled(server)


def settled(one: Server) -> bool:
    """Nobody holds a place, within two seconds."""
    for _ in range(100):
        if not one.state.taken:
            return True
        time.sleep(0.02)
    return False


def test_who_goes_away_frees_the_place(server):
    with socket.create_connection(('127.0.0.1', server.port), 10) as wire:
        wire.sendall(f'POST /predict HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 1000\r\n\r\nhalf'.encode())
        while not server.state.taken:
            time.sleep(0.01)
    assert settled(server)


def test_four_wait_and_the_next_is_told_to_come_again():
    free = threading.Event()

    def slow(data: bytes, pictures: bool) -> dict[str, Any]:
        assert free.wait(20)
        return sized(data, pictures)

    one = Server(answer=slow)
    with ThreadPoolExecutor(5) as pool:
        first = [pool.submit(one.ask, 'POST', '/predict', jpeg()) for _ in range(5)]
        while one.state.taken < 5:
            time.sleep(0.01)
        assert one.ask('GET', '/health')[1]['waiting'] == 4  # answered while the others wait
        status, said, headers = one.ask('POST', '/predict', jpeg())
        assert (status, headers['Retry-After'], said['error']) == (503, '1', 'Busy, ask again in a second')
        free.set()
        assert [future.result()[0] for future in first] == [200] * 5
    assert settled(one) and one.ask('POST', '/predict', jpeg())[0] == 200


def bomb() -> bytes:
    """The header of a PNG with 3.6 billion pixels."""
    head = struct.pack('>IIBBBBB', 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b'IHDR', head), (b'IDAT', zlib.compress(b'\0' * 1000)), (b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(struct.pack('>I', len(data)) + name + data + struct.pack(
        '>I', zlib.crc32(name + data)) for name, data in chunks)


def animated() -> bytes:
    stream = io.BytesIO()
    frames = [Image.new('RGB', (20, 20), (shade, 0, 0)) for shade in (0, 250)]
    frames[0].save(stream, 'GIF', save_all=True, append_images=frames[1:])
    return stream.getvalue()


@pytest.mark.parametrize(('body', 'words'), [
    (jpeg()[:200], ''), (bomb(), 'decompression bomb'), (animated(), ''), (b'http://127.0.0.1/secret.jpg', ''),
    (b'/etc/passwd', ''), (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', ''),
    (b'%PDF-1.4', ''), (b'\0' * 5000, ''), (b'\xff\xd8\xff\xe1\xff\xff' + b'A' * 3000, '')])
def test_hostile_files_are_refused_as_records(server, body, words):
    for sent, headers in ((body, {}), form(body)):
        headers = dict(Content_Type=headers) if isinstance(headers, str) else headers
        status, said, _ = server.ask('POST', '/predict', sent, **headers)
        (image,) = said['images']
        assert status == 422 and image['detections'] is None and words in image['failure']
    assert server.ask('POST', '/predict', jpeg())[0] == 200


@pytest.mark.parametrize(('sent', 'words'), [
    (form(), 'A form with 0 files'), (form(jpeg(), jpeg()), 'A form with 2 files'),
    ((b'', 'image/jpeg'), 'No photograph'),
    ((b'--x\r\nbroken', 'multipart/form-data; boundary=x'), 'A form with 0 files'),
    ((b'--x--', 'multipart/form-data'), 'A form with 0 files')])
def test_a_form_has_exactly_one_file(server, sent, words):
    status, said, _ = server.ask('POST', '/predict', sent[0], Content_Type=sent[1])
    assert status == 400 and said['error'].startswith(words) and settled(server)


def test_nothing_else_is_there_and_every_answer_has_a_policy(server):
    for path in ('/../../etc/passwd', '/page.css/', '/page/', '/static/x', '/%2e%2e/setup.cfg', '/app.py'):
        assert server.ask('GET', path)[0] == 404
    assert server.ask('GET', '/predict')[0] == 405
    for method, path, body in (('GET', '/', None), ('GET', '/page.js', None), ('GET', '/nowhere', None),
                               ('POST', '/predict', b'no picture'), ('GET', '/health', None)):
        headers = server.ask(method, path, body)[2]
        assert headers['Content-Security-Policy'].startswith("default-src 'none'; script-src 'self';")
        assert headers['X-Content-Type-Options'] == 'nosniff' and 'Tornado' not in headers['Server']
    page, script = (server.ask('GET', path)[1] for path in ('/', '/page.js'))
    assert '<script src="page.js" defer></script>' in page and 'style=' not in page and 'innerHTML' not in script
