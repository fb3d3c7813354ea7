"""A page to drop a photograph on, and the same for scripts: a trained chain behind HTTP, on this machine.

    make serve DATASET=dogs ROW=efficientnet-lite0@square
    python -m tools.serve --work work_dirs/dogs --row efficientnet-lite0@square
    curl --data-binary @photo.jpg http://127.0.0.1:8000/predict

    GET  /          the page: boxes, crops, answers, and where each answer comes from (Grad-CAM)
    POST /predict   a photograph, as the body or as the one file of a form -> the JSON of predict (docs/formats.md);
                    ?pictures=yes adds crop and map of every animal, as data URIs
    GET  /health    what answers here, and how many wait

One photograph is looked at at a time, and four wait: the next is told to come again (503). A body has at most 20 MB.
Nothing is stored. Only this machine reaches the server; with --host others do, and /predict asks for a token
(FGIC_TOKEN, or one that is drawn and printed). Put a proxy with TLS before it where the network is not yours.
"""
from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import answers, bundle
from pipelines.core.arguments import a_share, whole
from pipelines.core.errors import InputError, command

if TYPE_CHECKING:
    from tools.serving.answering import Answering

_PATIENCE = 2  # seconds for what is under way when the server is told to end
TOKEN = 'FGIC_TOKEN'


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.serve', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    bundle.add_arguments(parser)
    parser.add_argument('--host', default='127.0.0.1', help='address to listen at (default: 127.0.0.1)')
    parser.add_argument('--port', type=whole(0, 65535), default=8000, help='(default: 8000; 0: any that is free)')
    parser.add_argument('--name', nargs='*', default=[], metavar='NAME', help='other names that lead to this server')
    parser.add_argument('--conf', default='auto', help='least score of a detection (default: auto, the best on val)')
    parser.add_argument('--target', type=a_share, default=0.95, help='share of answers that are to be right; 0: always '
                        'answer (default: 0.95)')
    parser.add_argument('--top', type=whole(1), default=5, help='classes listed for an animal (default: 5)')
    parser.add_argument('--allow', type=Path, metavar='FILE', help='classes that can occur, one on a line')
    args = parser.parse_args(argv)
    chain = bundle.of(args)
    allowed = answers.read_allowed(args.allow, chain.classes) if args.allow else None
    rules = answers.Rules.of(chain, args.target, allowed)
    try:
        conf = None if args.conf == 'auto' else float(args.conf)
    except ValueError:
        parser.error('--conf: auto, or a number')
    from tools.serving.answering import Answering

    answering = Answering(chain, conf, rules, args.top)
    asyncio.run(_serve(answering, args.host, args.port, args.name))


async def _serve(answering: Answering, host: str, port: int, names: list[str]) -> None:
    from tornado.netutil import bind_sockets

    from tools.serving import app

    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        raise InputError('--port', expected='an address that is free', found=f'{host}:{port}: {error.strerror}',
                         remedy='choose another --port (0: any)') from None
    port = sockets[0].getsockname()[1]
    token = None if app.is_own(host) else os.environ.get(TOKEN) or secrets.token_urlsafe(24)
    chain = answering.bundle
    state = app.State(answering, dict(row=chain.card['row'], classes=len(chain.classes)),
                      app.names_of(host, port, names), token)
    server = app.server(state)
    server.add_sockets(sockets)
    shown = socket.gethostname() if host in app.EVERY else f'[{host}]' if ':' in host else host
    print(f'[serve] http://{shown}:{port}/' + (f'#token={token}' if token else ''), flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    server.stop()
    clock = asyncio.get_running_loop().time
    end = clock() + _PATIENCE
    while state.taken and clock() < end:
        await asyncio.sleep(0.05)
    print('[serve] ended', flush=True)
    os._exit(0)  # a photograph that is looked at cannot be interrupted


if __name__ == '__main__':
    sys.exit(main())
