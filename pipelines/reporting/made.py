"""How the results were made: commands, machine, code, versions and configs, from the manifests."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.reporting import commands
from pipelines.reporting.found import Found, Model
from pipelines.reporting.sections import training

_SHOWN_ELSEWHERE = ('stage', 'parameters', 'inputs', 'outputs', 'versions', 'options')


def context(found: Found) -> dict:
    """What the page's last part shows."""
    return dict(make_lines=commands.make_lines(found), commands=commands.commands(found), configs=_configs(found),
                facts_made=facts(found), beyond_make=commands.beyond_make(found), versions=versions(found))


def _manifests(found: Found) -> dict[str, Mapping]:
    """By folder, of every result and of the trainings they were made with."""
    named = {one.folder: one.manifest for one in found.results}
    named |= {f'models/{model.name}': model.manifest for model in training.shown(found)}
    return {folder: manifest for folder, manifest in named.items() if manifest}


def _configs(found: Found) -> list[Model]:
    """One training per config: the seeds of a row share theirs."""
    shown = reversed([model for model in training.shown(found) if model.config])
    return list({(model.stage, model.row): model for model in shown}.values())[::-1]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_words(entry)}' for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_words, value))
    return {None: 'none', True: 'yes', False: 'no'}.get(value, str(value))


def facts(found: Found) -> list[dict]:
    """What the manifests say of machine and code, whatever that is: ``name`` of each fact, and by value who has it."""
    manifests = _manifests(found)
    names = dict.fromkeys(name for manifest in manifests.values() for name in manifest if name not in _SHOWN_ELSEWHERE)
    rows = []
    for name in names:
        by_value: dict[str, list[str]] = {}
        for folder, manifest in manifests.items():
            if name in manifest:
                by_value.setdefault(_words(manifest[name]), []).append(folder)
        rows.append(dict(name=name.replace('_', ' '), values=by_value, everywhere=len(by_value) == 1))
    return rows


def versions(found: Found) -> dict[str, str]:
    """By distribution, every version that the manifests record (several only where stages were run apart)."""
    seen: dict[str, set[str]] = {}
    for manifest in _manifests(found).values():
        for name, version in manifest['versions'].items():
            seen.setdefault(name, set()).add(version)
    return {name: ', '.join(sorted(seen[name])) for name in sorted(seen)}
