"""HTML pages from the templates in this folder, in one style."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.core import tables
from pipelines.reporting import words

FOLDER = Path(__file__).parent
STYLE = 'report.css'


def inputs(name: str) -> dict[str, Path]:
    """The files that a page is made from, as `manifest.produce` takes them."""
    return {f'template/{file}': FOLDER / file for file in (name, STYLE)}


def render(name: str, **values: Any) -> str:
    """A page: a template with values, the style, and the filters ``percent``, ``points`` and ``p``."""
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(percent=words.percent, points=words.points, p=tables.p_value)
    return environment.get_template(name).render(style=(FOLDER / STYLE).read_text(encoding='utf-8'), marks=words.MARKS,
                                                 **values)
