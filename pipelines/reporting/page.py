"""The page: a header, the sections in their order, how to read them, and how all of it was made."""
from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from pipelines.reporting import found, made, section, templates

TEMPLATE = 'page.html.j2'
_NOTHING = ('Nothing has been compared yet', 'The classifiers have not been trained.')


def inputs(work: Path) -> dict[str, Path]:
    """Every file that `html` reads, by the name it is recorded under.

    Raises:
        InputError: not one stage has run.
    """
    sections = section.discover()
    parts = {f'sections/{file.name}': file for _, path in sections.values()
             for file in (path, path.with_name(f'{path.name.split(".")[0]}.py'))}
    return found.inputs(work, section.results(part for part, _ in sections.values())) | templates.inputs() | parts


def parameters(work: Path) -> dict:
    """What else the page depends on: the results that other code has made."""
    kinds = section.results(part for part, _ in section.discover().values())
    return dict(other_code=made.other_code(found.read(work, kinds)))


def html(work: Path) -> str:
    """The whole page.

    Raises:
        InputError: a result that is damaged.
    """
    sections = section.discover()
    results = found.read(work, section.results(part for part, _ in sections.values()))
    shown, left, contexts = [], [], []
    for name, (part, template) in sections.items():
        lacking = next((kind for kind in part.needs if results.one(kind) is None), None)
        if lacking and part.optional:
            left.append((part.title, lacking))
            continue
        content = None
        if not lacking:
            contexts.append(part.render(results))
            content = Markup(templates.render(template, found=results, **contexts[-1]))
        shown.append(dict(name=name, title=part.title, short=part.short or part.title, lacking=lacking, html=content))
    return templates.render(
        TEMPLATE, found=results, sections=shown, left=left,
        headline=next((context['headline'] for context in contexts if 'headline' in context), _NOTHING),
        facts=[fact for context in contexts for fact in context.get('facts', ())],
        notes=[note for context in contexts for note in context.get('notes', ())], **made.context(results))
