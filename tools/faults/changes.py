"""One byte, parameter or config key changed in a chain of all stages: exactly what depends on it runs again.

What should run again is not asked of the stages: a step depends on the files in `READS`, whose bytes are compared with
those of the undisturbed chain, and on its own parameters and results, which a change names.
"""
from __future__ import annotations

import json
import random
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core.coco import SPLITS
from pipelines.core.manifest import LOGS
from tools.faults.chain import STAGES, snapshot, write_configs
from tools.faults.processes import succeed
from tools.faults.row import Broken, Injector

COMMANDS = {
    'convert': STAGES['convert'].arguments,
    'detect': STAGES['detect'].arguments,
    'crop': '--coco {}/convert --detections {}/detect/detections.json --out {}/crop --size 64',
    'synth': STAGES['synth'].arguments,
    'classify': '--data {} --out {}/classify --rows {}/configs/plain.py@full {}/configs/mixed.py@square+synth '
                '--seeds 0 --jobs 1',
    'report': '--work {} --out {}/report'}

_COCO = [f'convert/{split}.json' for split in SPLITS] + ['raw/Images']
_SEEN = [f'{place}{split}{end}' for split in ('train', 'val')
         for place, end in (('convert/', '.json'), ('raw/Images of ', ''))]
_GAN = ['crop/square_train.json']
_PLAIN, _MIXED = 'plain@full-seed0', 'mixed@square+synth-seed0'
_MODELS = ['models/detect/detect', 'models/synth/synth', *(f'models/classify/{run}' for run in (_PLAIN, _MIXED))]


def _trained(run: str) -> list[str]:
    return [f'models/classify/{run}/{name}' for name in ('model.pth', 'config.py')]


READS = {
    'convert': ['raw/Images', 'raw/Annotation', 'raw/lists/train_list.mat', 'raw/lists/test_list.mat'],
    'detect: train': _SEEN,
    'detect': [*_COCO, 'models/detect/detect/model.pth'],
    'crop': [*_COCO, 'detect/detections.json'],
    'synth: train': _GAN,
    'synth': [*_GAN, 'crop/square_val.json', 'models/synth/synth/model.pth'],
    f'classify: {_PLAIN}': ['crop/full_train.json', 'crop/full_val.json'],
    f'classify: {_PLAIN} on test': ['crop/full_test.json', *_trained(_PLAIN)],
    f'classify: {_MIXED}': ['crop/square_train.json', 'crop/square_val.json', 'synth/synth/train.json'],
    f'classify: {_MIXED} on test': ['crop/square_test.json', *_trained(_MIXED)],
    'classify': [path for run in (_PLAIN, _MIXED)
                 for path in (f'models/tested/{run}/test.json', f'models/classify/{run}/val.json')],
    'report': [*(f'{stage}/manifest.json' for stage in ('convert', 'detect', 'crop', 'synth/synth', 'classify')),
               *(f'{model}/{name}' for model in _MODELS for name in ('metrics.jsonl', 'config.py', 'manifest.json')),
               'convert/summary.json', 'detect/metrics.json', 'crop/summary.json', 'synth/synth/metrics.json',
               'classify/table.json', *(f'detect/sheet_{kind}.jpg' for kind in ('best', 'worst')),
               *(f'synth/synth/grid_{kind}.jpg' for kind in ('real', 'synthetic')),
               *(f'crop/{kind}_{split}.json' for kind in ('full', 'box', 'square') for split in SPLITS)]}

Edit = Callable[[Path, random.Random], None]


@dataclass(frozen=True)
class Change:
    """Something changed.

    Args:
        words: what.
        direct: the steps whose parameters or results it changes.
        edit: of files below the dataset's folder.
        more: arguments by stage.
    """
    words: str
    direct: tuple[str, ...] = ()
    edit: Edit = lambda data, rng: None
    more: dict[str, str] = field(default_factory=dict)


def one_byte(pattern: str, find: bytes) -> Edit:
    """In one of the files, drawn at random, change a bit of the last byte of what a regular expression first finds."""
    def edit(data: Path, rng: random.Random) -> None:
        path = rng.choice(sorted(data.glob(pattern)))
        content = bytearray(path.read_bytes())
        place = re.search(find, content, re.DOTALL)
        if place is None:
            raise Broken(f'{path}: nothing like {find!r}')
        content[place.end() - 1] ^= 1
        path.write_bytes(content)

    return edit


def line(config: str, text: str) -> Edit:
    """Add a line to a config."""
    def edit(data: Path, rng: random.Random) -> None:
        with (data / 'configs' / f'{config}.py').open('a') as stream:
            stream.write(f'{text}\n')

    return edit


_DENSITY = rb'JFIF\0.{5}'  # the low byte of a JPEG's dots per inch: no pixel depends on it
_LR = 'optim_wrapper = dict(optimizer=dict(lr=0.0005))'
_DETECT, _SYNTH = ('detect: train', 'detect'), ('synth: train', 'synth')
CHANGES = [
    Change('a byte of a raw image', edit=one_byte('raw/Images/*/*.jpg', _DENSITY)),
    Change('a byte of an XML', edit=one_byte('raw/Annotation/*/*', b'Unspecified')),
    Change('a coordinate', edit=one_byte('raw/Annotation/*/*', rb'<xmin>\d+')),
    Change('a byte of a list', edit=one_byte('raw/lists/t*_list.mat', b'MAT-file, drawn')),
    *(Change(f'a byte of {pattern}', (step,), one_byte(pattern, find)) for pattern, step, find in (
        ('convert/summary.txt', 'convert', rb'\d'),
        ('models/detect/detect/model.pth', 'detect: train', b'.{100000}'),
        ('detect/detections.json', 'detect', rb'\d'),
        ('crop/square/*/*.jpg', 'crop', _DENSITY),
        ('crop/box_test.json', 'crop', rb'\d'),
        ('models/synth/synth/config.py', 'synth: train', rb'\d'),
        ('synth/synth/images/*/*.jpg', 'synth', _DENSITY),
        (f'models/tested/{_PLAIN}/test.json', f'classify: {_PLAIN} on test', rb'\d'),
        ('classify/table.json', 'classify', rb'\d'),
        ('report/index.html', 'report', b'<body'))),
    *(Change(f'{stage} {words}', direct, more={stage: words}) for stage, words, direct in (
        ('convert', '--val-share 0.3', ('convert',)), ('detect', '--seed 1', _DETECT),
        ('crop', '--quality 90', ('crop',)), ('crop', '--boxes gt', ('crop',)), ('synth', '--seed 1', _SYNTH),
        ('synth', '--images-per-class 9', ('synth',)))),
    *(Change(f'a key of the config of {config}', direct, line(config, key)) for config, key, direct in (
        ('detect', _LR, _DETECT), ('synth', 'train_dataloader = dict(batch_size=4)', _SYNTH),
        ('plain', _LR, (f'classify: {_PLAIN}',)), ('mixed', _LR, (f'classify: {_MIXED}',)))),
    Change('a comment in a config', edit=line('detect', '# the learning rate stays'))]


def run_chain(data: Path, log: Path, more: dict[str, str]) -> set[str]:
    """Run all stages in order; the steps that said why they ran again."""
    again = set()
    for stage, arguments in COMMANDS.items():
        module = 'data_converters.convert' if stage == 'convert' else f'pipelines.{stage}'
        words = f'{arguments} {more.get(stage, "")}'.split()
        text = succeed([sys.executable, '-m', module, *(word.format(data) for word in words)],
                       log.with_name(f'{log.name}-{stage}.log'))
        again |= set(re.findall(r'^\[(.+?)\] again, for .* changed$', text, re.MULTILINE))
    return again


def state(data: Path, name: str) -> object:
    """The bytes of a file, of a folder's files, or of those that the list of a split names (``folder of split``)."""
    folder, _, split = name.partition(' of ')
    path = data / folder
    if split:
        rows = json.loads((data / f'convert/{split}.json').read_text())['images']
        return [(path / row['file_name']).read_bytes() for row in rows]
    return snapshot(path) if path.is_dir() else path.read_bytes()


def prepare(toy: str, work: Path) -> Injector:
    """Change something in a copy of a chain that has run.

    Args:
        toy: arguments of ``data_converters.toy``.
        work: gets the undisturbed chain.
    """
    base = work / 'undisturbed' / 'all-stages' / 'base'
    write_configs(base / 'configs')
    succeed([sys.executable, '-m', 'data_converters.toy', '--dataset', 'toy-dogs', '--out', base / 'raw', *toy.split()],
            base.with_name('toy.log'))
    run_chain(base, base.with_name('first'), {})
    states = {path: state(base, path) for reads in READS.values() for path in reads}

    def inject(folder: Path, rng: random.Random) -> str:
        change = CHANGES[int(folder.name) % len(CHANGES)]
        shutil.copytree(base, data := folder / 'data', symlinks=True, ignore=shutil.ignore_patterns(LOGS, '.*'))
        change.edit(data, rng)
        again = run_chain(data, folder / 'changed', change.more)
        expected = {*change.direct, *(step for step, reads in READS.items()
                                      if any(state(data, path) != states[path] for path in reads))}
        if again != expected:
            raise Broken(f'{change.words}: ran again for nothing: {sorted(again - expected)}, '
                         f'did not run again: {sorted(expected - again)}')
        return f'{change.words} ({len(again)} again)'

    return inject
