"""A headless Chromium, driven through its DevTools protocol by what tornado has."""
from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)


class Browser:
    """A context: one page.

    Args:
        profile: a folder of its own.
    """

    def __init__(self, profile: Path, width: int = 1000, height: int = 1400) -> None:
        self._process = subprocess.Popen(
            [str(CHROMIUM), '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0',
             '--remote-allow-origins=*', '--hide-scrollbars', f'--window-size={width},{height}',
             f'--user-data-dir={profile}', 'about:blank'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = profile / 'DevToolsActivePort'
        self._loop, self._number, self.logged = asyncio.new_event_loop(), 0, list[dict[str, Any]]()
        try:
            for _ in range(600):
                if port.exists() and port.read_text().count('\n'):
                    break
                time.sleep(0.1)
            address = f'http://127.0.0.1:{port.read_text().splitlines()[0]}/json/list'
            page = next(one for one in json.load(urllib.request.urlopen(address)) if one['type'] == 'page')
            self._wire: WebSocketClientConnection = self._loop.run_until_complete(
                self._connected(page['webSocketDebuggerUrl']))
        except BaseException:
            self._process.kill()
            raise
        for domain in ('Page', 'Runtime', 'Log', 'Network', 'DOM'):
            self.call(f'{domain}.enable')

    async def _connected(self, url: str) -> WebSocketClientConnection:
        return await websocket_connect(url, max_message_size=1 << 28)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._loop.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; events that come meanwhile are kept in ``logged``."""
        self._number += 1
        self._loop.run_until_complete(self._write(json.dumps(dict(id=self._number, method=method, params=parameters))))
        while True:
            said = json.loads(self._loop.run_until_complete(self._read()))
            if said.get('id') == self._number:
                assert 'error' not in said, said
                return said['result']
            self.logged.append(said)

    async def _write(self, text: str) -> None:
        await self._wire.write_message(text)

    async def _read(self) -> str:
        return str(await asyncio.wait_for(self._wire.read_message(), 60))

    def value(self, script: str) -> Any:
        return self.call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)[
            'result'].get('value')

    def until(self, script: str, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not self.value(script):
            assert time.monotonic() < end, self.value('document.body.innerText')
            time.sleep(0.1)

    def open(self, url: str) -> None:
        self.call('Page.navigate', url=url)
        self.until('document.readyState === "complete"')

    def choose(self, selector: str, file: Path) -> None:
        """A file for a file input."""
        root = self.call('DOM.getDocument')['root']['nodeId']
        node = self.call('DOM.querySelector', nodeId=root, selector=selector)['nodeId']
        self.call('DOM.setFileInputFiles', nodeId=node, files=[str(file)])

    def picture(self) -> bytes:
        """A PNG of the page."""
        return base64.b64decode(self.call('Page.captureScreenshot', format='png')['data'])

    def complaints(self) -> list[str]:
        """Errors of scripts, and what the page's policy has refused."""
        return [json.dumps(one['params'])[:300] for one in self.logged if one.get('method') == 'Runtime.exceptionThrown'
                or one.get('method') == 'Log.entryAdded' and one['params']['entry']['level'] == 'error']
