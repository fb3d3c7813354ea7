"""A page as tests read it."""
from __future__ import annotations

from html.parser import HTMLParser

VOID = {'meta', 'img', 'br', 'link', 'input', 'hr', 'path', 'use', 'image'}


class Page(HTMLParser):
    """Tables as rows of cell texts, attributes of every tag, and whether every tag is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.tables, self.text = [], [], {}, ''
        self._rows = self._cell = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'table':
            self._rows = self.tables.setdefault(dict(attrs).get('id', len(self.tables)), [])
        elif tag == 'tr':
            self._rows.append([])
        elif tag in ('td', 'th'):
            self._rows[-1].append('')
            self._cell = True

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag in ('td', 'th'):
            self._cell = False

    def handle_data(self, data):
        if 'style' not in self.open:
            self.text += data
        if self._cell:
            self._rows[-1][-1] = ' '.join((self._rows[-1][-1] + ' ' + data).split())

    def sources(self) -> list[str]:
        return [attrs['src'] for tag, attrs in self.tags if tag == 'img']
