"""The commands that make what was found: from the manifests, complete, to be typed again."""
from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pipelines.reporting.found import Found, One
from pipelines.reporting.stages import CLASSIFY, SYNTH

# Recorded, but said by the rows and the config; and digests.
_NOT_OPTIONS = ('titles', 'configs', 'parents', 'options')
# make's variables, by stage and parameter.
_VARIABLES = {
    'detect': {'config': 'DETECT'},
    'crop': {'boxes': 'BOXES', 'size': 'CROP_SIZE'},
    'synth': {'config': 'SYNTH', 'images_per_class': 'IMAGES_PER_CLASS'},
    'classify': {'rows': 'ROWS', 'seeds': 'SEEDS'}}


def _parameters(one: One) -> dict[str, Any]:
    """As they are typed: configs of the repository by name, others by path."""
    parameters = dict(one.manifest.get('parameters', {}))
    if one.kind == CLASSIFY and 'configs' in parameters:
        parameters['rows'] = [name if _name('classify', config) == name.split('@')[0] else
                              f'{config}@{name.partition("@")[2]}'
                              for name, config in zip(parameters['rows'], parameters['configs'])]
    return parameters


def _name(stage: str, config: str) -> str:
    path = PurePath(config)
    return path.stem if path.parent == PurePath('mm_configs', stage) else config


def _words(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [','.join(f'{key}={entry}' for key, entry in value.items())]
    return [str(entry) for entry in value] if isinstance(value, (list, tuple)) else [str(value)]


def _unset(value: Any) -> bool:
    return value is None or value is False or value in ('', [], {})


def overrides(manifest: Mapping) -> list[str]:
    """Of config keys, as they were typed."""
    return [*(manifest.get('options') or manifest.get('parameters', {}).get('options') or ())]


def command(one: One) -> str:
    """The command line that makes a result. RAW and WORK stand for folders, which no manifest records."""
    read = {row['path'] for row in one.manifest.get('inputs', ())}
    words = [one.kind.command.format(folder=f'WORK/{one.folder}'),
             *(more for name, more in one.kind.by_input if name in read)]
    for name, value in sorted(_parameters(one).items()):
        if not _unset(value) and name not in _NOT_OPTIONS and not name.endswith('_sha256'):
            words += [f'--{name.replace("_", "-")}', *([] if value is True else map(shlex.quote, _words(value)))]
    if keys := overrides(one.manifest):
        words += ['--cfg-options', *map(shlex.quote, keys)]
    return ' '.join(words)


def commands(found: Found) -> list[dict]:
    """For every result with a manifest, in the page's order: ``folder`` and ``command``."""
    return [dict(folder=one.folder, command=command(one)) for one in found.results if one.manifest]


def make_lines(found: Found) -> list[str]:
    """The make commands that give these results, with the variables that decide them; one takes one generator."""
    generators = found.all(SYNTH)
    others = [one for one in found.results if one.kind != SYNTH]
    return [_make(found, 'synth', [one for one in others if one.kind != CLASSIFY] + [generator])
            for generator in generators[:-1]] + [_make(found, 'report', others + generators[-1:])]


def _make(found: Found, target: str, results: list[One]) -> str:
    words = [f'make {target} DATASET={shlex.quote(found.dataset)}',
             *([] if found.dataset.startswith('toy-') else ['RAW=RAW'])]
    for one in results:
        parameters = _parameters(one)
        for parameter, variable in _VARIABLES.get(one.kind.stage, {}).items():
            if not _unset(value := parameters.get(parameter)):
                text = ' '.join(_words(value))
                words.append(f'{variable}={shlex.quote(_name(one.kind.stage, text))}')
    return ' '.join(words)


def beyond_make(found: Found) -> list[str]:
    """Folders of results that config keys were overridden for, which no variable of make does."""
    return [one.folder for one in found.results if overrides(one.manifest)]
