"""How the results were made: commands, machine, code, versions and configs, from the manifests."""
from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core import manifest, workspace
from pipelines.reporting import commands
from pipelines.reporting.found import Found, Model
from pipelines.reporting.sections import training

_NAMED = 2  # trainings of a stage, up to which they are named one by one


def context(found: Found) -> dict:
    """What the page's last part shows."""
    return dict(make_lines=commands.make_lines(found), commands=commands.commands(found), configs=_configs(found),
                facts_made=facts(found), beyond_make=commands.beyond_make(found), versions=versions(found))


def _manifests(found: Found) -> dict[str, Mapping]:
    """By folder, of every result and of the trainings they were made with."""
    named = {one.folder: one.manifest for one in found.results}
    named |= {f'models/{model.name}': model.manifest for model in training.shown(found)}
    return {folder: content for folder, content in named.items() if content}


def _configs(found: Found) -> list[Model]:
    """One training per config: the seeds of a row share theirs."""
    shown = reversed([model for model in training.shown(found) if model.config])
    return list({(model.stage, model.row): model for model in shown}.values())[::-1]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_words(entry)}' for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_words, value))
    return str(value)


def other_code(found: Found) -> list[str]:
    """Folders whose result was made by other code than the present one."""
    named = {one.folder: (one.manifest, one.path.parent, one.kind.module) for one in found.results}
    named |= {f'models/{model.name}': (model.manifest, found.root / 'models' / model.name, _trained_by(model.stage))
              for model in training.shown(found)}
    return sorted(folder for folder, (content, path, module) in named.items() if content.get('made') and module
                  and (spec := importlib.util.find_spec(module)) and manifest.other_code(path, Path(str(spec.origin))))


def _trained_by(stage: str) -> str:
    known = workspace.STAGES.get(stage)
    return 'pipelines.runs' if stage == 'classify' else known.module if known else ''


def facts(found: Found) -> list[dict]:
    """What the manifests say of machine and code, whatever that is: ``name`` of each fact, and by value who has it."""
    others, conditions = set(other_code(found)), {}
    for folder, content in _manifests(found).items():
        sessions = content.get('made', [])
        said = {name: ', then '.join(dict.fromkeys(_words(session[name]) for session in sessions if name in session))
                for name in dict.fromkeys(name for session in sessions for name in session) if name != 'code'}
        if sessions:
            said['code'] = f'{sessions[-1].get("code", "")[:12]}: ' + (
                'has changed since' if folder in others else 'as it is now')
        conditions[folder] = said
    names = dict.fromkeys(name for said in conditions.values() for name in said)
    return [dict(name=name, values=_who(name, conditions)) for name in names]


def _who(name: str, conditions: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """By value of a fact, who has it; many trainings of a stage are counted."""
    groups: dict[str, list[str]] = {}
    for folder in conditions:
        groups.setdefault(folder.rpartition('/')[0] if folder.startswith('models/') else folder, []).append(folder)
    values: dict[str, list[str]] = {}
    for group, folders in groups.items():
        by_value: dict[str, list[str]] = {}
        for folder in folders:
            if name in conditions[folder]:
                by_value.setdefault(conditions[folder][name], []).append(folder)
        for value, members in by_value.items():
            share = str(len(folders)) if len(members) == len(folders) else f'{len(members)} of {len(folders)}'
            values.setdefault(value, []).extend([f'{group}/ ({share})'] if len(members) > _NAMED else members)
    return {value: ', '.join(who) for value, who in values.items()}


def versions(found: Found) -> dict[str, str]:
    """By distribution, every version that the manifests record (several only where stages were run apart)."""
    seen: dict[str, set[str]] = {}
    for content in _manifests(found).values():
        for name, version in content['versions'].items():
            seen.setdefault(name, set()).add(version)
    return {name: ', '.join(sorted(seen[name])) for name in sorted(seen)}
