"""The commands that make what was found: from the manifests, complete, to be typed again."""
from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from pipelines.reporting.found import Found, Model, One
from pipelines.reporting.sections import training
from pipelines.reporting.stages import CLASSIFY, SYNTH

# Recorded, but said by the rows and the config, or in another way; and digests.
_NOT_OPTIONS = ('titles', 'configs', 'parents', 'comparisons', 'test_reads', 'options', 'environment', 'processes',
                'split')
# make's variables, by stage and parameter.
_VARIABLES = {
    'convert': {'layout': 'LAYOUT', 'super': 'SUPER', 'subset': 'SUBSET'},
    'detect': {'config': 'DETECT', 'boxes_from': 'BOXES_FROM', 'processes': 'GPUS'},
    'crop': {'boxes': 'BOXES', 'size': 'CROP_SIZE'},
    'synth': {'config': 'SYNTH', 'images_per_class': 'IMAGES_PER_CLASS', 'processes': 'GPUS'},
    'classify': {'rows': 'ROWS', 'seeds': 'SEEDS', 'test': 'TEST'}}


def parameters(found: Found, one: One) -> dict[str, Any]:
    """A result's as they are typed: configs of the repository by name, others by path; and what training was told."""
    told = dict(one.manifest.get('parameters', {}))
    if one.kind == CLASSIFY and 'configs' in told:
        told['rows'] = [name if _name('classify', config) == name.split('@')[0] else
                        f'{config}@{name.partition("@")[2]}' for name, config in zip(told['rows'], told['configs'])]
    for model in _trained(found, one):
        said = model.manifest.get('parameters', {})
        return {key: said[key] for key in ('options', 'environment', 'processes') if key in said} | told
    return told


def _trained(found: Found, one: One) -> list[Model]:
    """The trainings that a result is made of."""
    row = PurePath(one.manifest.get('parameters', {}).get('config', '')).stem
    return [model for model in training.shown(found)
            if model.stage == one.kind.stage and (one.kind == CLASSIFY or model.row == row)]


def _name(stage: str, config: str) -> str:
    path = PurePath(config)
    return path.stem if path.parent == PurePath('mm_configs', stage) else config


def _words(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [','.join(f'{key}={entry}' for key, entry in value.items())]
    return [str(entry) for entry in value] if isinstance(value, (list, tuple)) else [str(value)]


def _unset(value: Any) -> bool:
    return value is None or value is False or value in ('', [], {})


def _environment(told: Mapping) -> list[str]:
    """Variables that a config reads, as they stand before a command."""
    return [f'{name}={shlex.quote(str(value))}' for name, value in (told.get('environment') or {}).items()
            if value is not None]


def _threads(models: Iterable[Model]) -> list[str]:
    """On a CPU their number decides the last bits of sums."""
    found = {made.get('threads') for model in models for made in model.manifest.get('made', ())
             if made.get('device') == 'CPU'}
    return [f'OMP_NUM_THREADS={found.pop()}'] if len(found) == 1 else []


def command(found: Found, one: One) -> str:
    """The command line that makes a result. RAW and WORK stand for folders, which no manifest records."""
    told, read = parameters(found, one), {row['path'] for row in one.manifest.get('inputs', ())}
    words = [*_threads(_trained(found, one)), *_environment(told), one.kind.command.format(folder=f'WORK/{one.folder}'),
             *(more for name, more in one.kind.by_input if name in read)]
    for name, value in sorted(told.items()):
        if not _unset(value) and name not in _NOT_OPTIONS and not name.endswith('_sha256'):
            words += [f'--{name.replace("_", "-")}', *([] if value is True else map(shlex.quote, _words(value)))]
    if told.get('processes', 1) != 1:
        words.append(f'--gpus {told["processes"]}')
    if told.get('options'):
        words += ['--cfg-options', *map(shlex.quote, told['options'])]
    return ' '.join(words)


def commands(found: Found) -> list[dict]:
    """For every result with a manifest, in the page's order: ``folder`` and ``command``."""
    return [dict(folder=one.folder, command=command(found, one)) for one in found.results if one.manifest]


def make_lines(found: Found) -> list[str]:
    """The make commands that give these results, with the variables that decide them; one takes one generator."""
    generators = found.all(SYNTH)
    others = [one for one in found.results if one.kind != SYNTH]
    return [_make(found, 'synth', [one for one in others if one.kind != CLASSIFY] + [generator])
            for generator in generators[:-1]] + [_make(found, 'report', others + generators[-1:])]


def _make(found: Found, target: str, results: list[One]) -> str:
    variables: dict[str, str] = {}
    environment: dict[str, None] = {}
    for one in results:
        told = parameters(found, one)
        environment |= dict.fromkeys(_environment(told))
        for parameter, variable in _VARIABLES.get(one.kind.stage, {}).items():
            if not _unset(value := told.get(parameter)):
                text = '1' if value is True else ' '.join(_words(value))
                variables[variable] = shlex.quote(_name(one.kind.stage, text))
    raw = [] if found.dataset.startswith('toy-') else ['RAW=RAW']
    return ' '.join([*environment, 'make', target, f'DATASET={shlex.quote(found.dataset)}', *raw,
                     *(f'{name}={value}' for name, value in variables.items())])


def beyond_make(found: Found) -> list[str]:
    """Folders of results that config keys were overridden for, which no variable of make does."""
    return [one.folder for one in found.results if parameters(found, one).get('options')]
