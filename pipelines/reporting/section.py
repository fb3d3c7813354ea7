"""What the page is made of: sections, each a module and a template part of `pipelines.reporting.sections`.

A new section adds two files and touches nothing else::

    sections/robustness.py        SECTION = Section(75, 'Robustness', (CURVES,), render)
    sections/robustness.html.j2   what ``render`` returned, as HTML; macros are in parts.html.j2

``render(found)`` gives the part's context. Three keys of it are the page's, where they are there: ``facts`` (pairs of a
term and a value, shown on top), ``headline`` (a line and the sentences under it) and ``notes`` (sentences on how to
read its numbers).
"""
from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.reporting import stages
from pipelines.reporting.found import Found, Result


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        order: where it stands: sections are sorted by it.
        title: of the section.
        needs: without which there is nothing to show; the page then names the command of the first that lacks.
        render: the context of the template part, from what was found.
        also: results that it shows where they are there.
        optional: where it has not run, it is named at the end of the page only.
        short: of the title, for the navigation.
    """
    order: int
    title: str
    needs: tuple[Result, ...]
    render: Callable[[Found], Mapping[str, Any]]
    also: tuple[Result, ...] = ()
    optional: bool = False
    short: str = ''


def discover() -> dict[str, tuple[Section, Path]]:
    """All sections with their template parts, by module name, in the page's order."""
    from pipelines.reporting import sections

    found = {}
    for entry in pkgutil.iter_modules(sections.__path__):
        module = importlib.import_module(f'{sections.__name__}.{entry.name}')
        found[entry.name] = module.SECTION, Path(str(module.__file__)).with_suffix('.html.j2')
    return dict(sorted(found.items(), key=lambda item: (item[1][0].order, item[0])))


def results(sections: Iterable[Section]) -> tuple[Result, ...]:
    """The kinds of result that they read, each once: the stages' first, in the order in which they run."""
    kinds = dict.fromkeys(kind for section in sections for kind in section.needs + section.also)
    return tuple(dict.fromkeys([*(kind for kind in stages.ALL if kind in kinds), *kinds]))
