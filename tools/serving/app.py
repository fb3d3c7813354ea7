"""HTTP around a chain: a page, ``POST /predict`` and ``GET /health``, for this machine's own browser and scripts.

What is refused, and with which status: a Host or an Origin that is not this server's (403: other sites' pages cannot
ask in a visitor's name, nor by a name of theirs that leads here), no or another token where one is asked for (401),
more than `MAX_BYTES` (413), more than `WAITING` photographs before this one (503), a form without exactly one file
(400), a file that is no picture (422). There are no paths or addresses in a request, and nothing is written anywhere.
"""
from __future__ import annotations

import asyncio
import hmac
import json
import socket
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from tornado import httputil, web
from tornado.httpserver import HTTPServer

MAX_BYTES = 20 << 20
EVERY = ('0.0.0.0', '::')  # of this machine's addresses
WAITING = 4  # beside the one that is looked at
_READ = 10 * MAX_BYTES  # of what is refused so much is read and forgotten, or its sender would not see the answer
_SECONDS = 30  # for a body to arrive
_TOO_LONG = f'More than {MAX_BYTES >> 20} MB'
_PAGE = Path(__file__).parent / 'page'
_TYPES = {'index.html': 'text/html', 'page.js': 'text/javascript', 'page.css': 'text/css'}
_HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                               "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store',
    'Cross-Origin-Resource-Policy': 'same-origin', 'Server': 'fgic'}


@dataclass
class State:
    """What the handlers share.

    Args:
        answer: bytes of a file, whether with pictures -> predict's JSON.
        about: of ``GET /health``.
        hosts: what a Host header may say.
        token: that ``POST /predict`` asks for; None: none.
    """
    answer: Callable[[bytes, bool], dict[str, Any]]
    about: dict[str, Any]
    hosts: Collection[str]
    token: str | None = None
    taken: int = 0
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))


class _Handler(web.RequestHandler):
    @property
    def state(self) -> State:
        state: State = self.application.settings['state']
        return state

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        origin = self.request.headers.get('Origin')
        if self.request.host.lower() not in self.state.hosts:
            raise web.HTTPError(403, reason='Foreign Host')
        if origin is not None and urlsplit(origin).netloc.lower() not in self.state.hosts:
            raise web.HTTPError(403, reason='Foreign Origin')

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 503:
            self.set_header('Retry-After', '1')
        self.set_header('Content-Type', 'application/json')
        self.finish(json.dumps(dict(error=self._reason)))

    def data_received(self, chunk: bytes) -> None:
        """Of no use outside `Predict`."""


class Page(_Handler):
    """The page's own files."""

    def get(self, name: str) -> None:
        name = name or 'index.html'
        self.set_header('Content-Type', f'{_TYPES[name]}; charset=utf-8')
        self.finish((_PAGE / name).read_bytes())


class Health(_Handler):
    """What answers here."""

    def get(self) -> None:
        self.finish(self.state.about | dict(waiting=max(self.state.taken - 1, 0)))


@web.stream_request_body
class Predict(_Handler):
    """A photograph, raw or as the one file of a form -> predict's JSON."""
    _holds = False
    _reads = True
    _refused: web.HTTPError | None = None

    def prepare(self) -> None:
        super().prepare()
        if self.request.method != 'POST':
            raise web.HTTPError(405)
        if self.state.token is not None:
            given = self.request.headers.get('Authorization', '').encode()
            if not hmac.compare_digest(given, f'Bearer {self.state.token}'.encode()):
                self.set_header('WWW-Authenticate', 'Bearer')
                raise web.HTTPError(401, reason='Token missing or wrong')
        length = self.request.headers.get('Content-Length', '')
        if length.isascii() and length.isdigit() and int(length) > MAX_BYTES:
            self._refused = web.HTTPError(413, reason=_TOO_LONG)
        elif self.state.taken > WAITING:  # before the body is read, so that memory stays bounded
            self._refused = web.HTTPError(503, reason='Busy, ask again in a second')
        else:
            self.state.taken += 1
            self._holds = True
        self._body = bytearray()

    def data_received(self, chunk: bytes) -> None:
        if self._refused is None:
            self._body += chunk
            if len(self._body) > MAX_BYTES:  # whose length nobody said
                self._refused, self._body = web.HTTPError(413, reason=_TOO_LONG), bytearray()

    async def post(self) -> None:
        self._reads = False
        if self._refused is not None:  # said now: who is told while it sends does not listen
            raise self._refused
        data, pictures = self._file(), self.get_query_argument('pictures', 'no') == 'yes'
        self._body = bytearray()
        found = await asyncio.get_running_loop().run_in_executor(self.state.thread, self.state.answer, data, pictures)
        if 'failure' in found['images'][0]:
            self.set_status(422)
        self.finish(found)

    def _file(self) -> bytes:
        kind = self.request.headers.get('Content-Type', '')
        if not kind.startswith('multipart/form-data'):
            if not self._body:
                raise web.HTTPError(400, reason='No photograph: send its bytes, or a form with one file')
            return bytes(self._body)
        files: dict[str, list[httputil.HTTPFile]] = {}
        try:
            httputil.parse_body_arguments(kind, bytes(self._body), {}, files)
        except httputil.HTTPInputError:
            files = {}
        found = [one for row in files.values() for one in row]
        if len(found) != 1:
            raise web.HTTPError(400, reason=f'A form with {len(found)} files, where one is expected')
        return bytes(found[0]['body'])

    def on_finish(self) -> None:
        self._release()

    def on_connection_close(self) -> None:
        if self._reads:  # it went away before its body was whole: `on_finish` does not come
            self._release()

    def _release(self) -> None:
        if self._holds:
            self._holds = False
            self.state.taken -= 1


def application(state: State) -> web.Application:
    return web.Application([(r'/predict', Predict), (r'/health', Health), (r'/(|page\.js|page\.css)', Page)],
                           default_handler_class=_Missing, state=state, log_function=lambda handler: None)


class _Missing(_Handler):
    def prepare(self) -> None:
        super().prepare()
        raise web.HTTPError(404)


def server(state: State) -> HTTPServer:
    return HTTPServer(application(state), max_body_size=_READ, body_timeout=_SECONDS,
                      idle_connection_timeout=2 * _SECONDS)


def names_of(host: str, port: int, more: Collection[str] = ()) -> set[str]:
    """What a Host header may say to a server at an address.

    Args:
        more: other names that lead to it.
    """
    own = {'localhost', '127.0.0.1', '[::1]'} if is_own(host) or host in EVERY else {_bracketed(host)}
    if host in EVERY:
        addresses = [one.address for row in psutil.net_if_addrs().values() for one in row
                     if one.family in (socket.AF_INET, socket.AF_INET6)]
        own |= {socket.gethostname(), socket.getfqdn(), *(_bracketed(one.partition('%')[0]) for one in addresses)}
    names = {f'{name}:{port}' for name in (*own, *more)}
    return {name.lower() for name in (names | {*own, *more} if port == 80 else names)}


def _bracketed(address: str) -> str:
    return f'[{address}]' if ':' in address else address


def is_own(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host in ('localhost', '127.0.0.1', '::1')
