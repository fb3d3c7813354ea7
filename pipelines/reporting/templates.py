"""HTML pages from the templates in this folder, in one style."""
from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import tables
from pipelines.reporting import words

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
STYLE = 'page.css'


def inputs() -> dict[str, Path]:
    """The files that pages are made from, as `manifest.produce` takes them."""
    found = [FOLDER / STYLE, *FOLDER.glob('*.j2')]
    return {f'template/{path.name}': path for path in found}


@functools.cache
def _environment() -> Environment:
    import jinja2

    made = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    made.filters.update(percent=words.percent, points=words.points, p=tables.p_value, name=words.name,
                        count='{:,}'.format)
    made.globals.update(marks=words.MARKS, style=(FOLDER / STYLE).read_text(encoding='utf-8'))
    return made


def render(template: str | Path, **values: Any) -> str:
    """A template of this folder, or one that lies elsewhere, with values.

    Filters: ``percent`` and ``points`` of a share, ``p`` of a p value, ``count`` with thousands apart, ``name`` of a
    class as a reader sees it. Globals: ``marks`` of verdicts, ``style``.
    """
    found = _environment().get_template(template) if isinstance(template, str) else _environment().from_string(
        template.read_text(encoding='utf-8'))
    return found.render(**values)
