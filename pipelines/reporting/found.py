"""What the stages and analyses left in a WORK/<dataset> folder: found by the files that they write, and checked."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pipelines.core import json_files, manifest
from pipelines.core.errors import InputError

METRICS = 'metrics.jsonl'
COST = f'{manifest.LOGS}/cost.json'  # of openmm.classify.cost
TRAINING = (METRICS, 'config.py', manifest.NAME, COST)


@dataclass(frozen=True)
class Result:
    """A kind of result that the page shows.

    Args:
        stage: what a manifest calls it, and the make target that makes it.
        files: globs below WORK/<dataset> of the JSON file that says that it is there; one where there can be one,
            several where a stage has a folder per recipe.
        keys: that the file must have.
        module: whose code makes it.
        command: that makes one; WORK stands for the dataset's folder, ``{folder}`` for the result's, below WORK.
        by_input: by a file that the manifest has among the inputs, more of the command.
        beside: globs, below the folder of the file, of what else the page is made of: pictures, lists.
    """
    stage: str
    files: tuple[str, ...]
    keys: tuple[str, ...]
    module: str
    command: str
    by_input: tuple[tuple[str, str], ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class One:
    """A result that is there.

    Args:
        folder: below WORK/<dataset>.
        content: of its JSON file.
        manifest: empty where there is none.
    """
    kind: Result
    folder: str
    path: Path
    content: dict
    manifest: Mapping

    @property
    def name(self) -> str:
        """The part of the folder that tells it from others of its kind; empty where it is the stage's own."""
        return self.folder.partition('/')[2]

    def beside(self, pattern: str) -> list[Path]:
        """Files of its folder."""
        return sorted(self.path.parent.glob(pattern))


@dataclass(frozen=True)
class Model:
    """One training.

    Args:
        name: its folder below ``models/``: ``detect/<config>``, ``synth/<config>`` or ``classify/<row>-seed<k>``.
        metrics: the lines of ``metrics.jsonl``.
        config: the text of ``config.py``.
        manifest: empty where there is none.
        cost: what its network costs; empty where that was not measured.
    """
    name: str
    metrics: list[dict]
    config: str
    manifest: Mapping
    cost: Mapping = field(default_factory=dict)

    @property
    def stage(self) -> str:
        return self.name.split('/')[0]

    @property
    def row(self) -> str:
        """``classify/resnet18@box-seed1`` -> ``resnet18@box``."""
        return re.sub(r'-seed\d+$', '', self.name.rpartition('/')[2])


@dataclass(frozen=True)
class Found:
    """Everything that is there.

    Args:
        results: of all kinds, by kind and folder.
        models: every training, by folder name.
    """
    root: Path
    results: tuple[One, ...]
    models: tuple[Model, ...]

    def all(self, kind: Result) -> list[One]:
        return [one for one in self.results if one.kind == kind]

    def one(self, kind: Result) -> One | None:
        return next(iter(self.all(kind)), None)

    def content(self, kind: Result) -> dict | None:
        """The JSON of the only result of its kind; None: it has not been made."""
        one = self.one(kind)
        return one.content if one else None

    @cached_property
    def dataset(self) -> str:
        return next((one.content['dataset'] for one in self.results if one.kind.stage == 'convert'), self.root.name)


def _files(root: Path, kind: Result) -> list[Path]:
    """The JSON files of a kind: hidden folders, of parts under way, do not count."""
    found = {path for pattern in kind.files for path in root.glob(pattern)}
    return sorted(path for path in found if not any(part.startswith('.') for part in path.relative_to(root).parts))


def _trainings(root: Path) -> list[Path]:
    """Folders of finished trainings."""
    models = root / 'models'
    found = [path.parent.relative_to(models) for path in models.glob(f'**/{METRICS}')]
    return [models / path for path in sorted(found)
            if not any(part.startswith('.') or part == manifest.LOGS for part in path.parts)]


def inputs(root: Path, kinds: Iterable[Result]) -> dict[str, Path]:
    """Every file the page is made of that is there, by its path relative to the root.

    Raises:
        InputError: not one result.
    """
    wanted = [path for kind in kinds for file in _files(root, kind)
              for path in (file, file.with_name(manifest.NAME),
                           *(path for pattern in kind.beside for path in file.parent.glob(pattern)))]
    if not wanted:
        raise InputError(root, expected='the results of at least one stage', found='none',
                         remedy='run a stage first: make convert, or name the right folder with --work')
    wanted += [folder / name for folder in _trainings(root) for name in TRAINING]
    return {path.relative_to(root).as_posix(): path for path in wanted if path.is_file()}


def _json(path: Path, stage: str, keys: tuple[str, ...]) -> dict:
    remedy = f'never edit results by hand; remove its folder and run make {stage}'
    try:
        content = json_files.read(path)
    except ValueError as error:
        raise InputError(path, expected='JSON', found=str(error), remedy=remedy) from None
    lacking = [key for key in keys if key not in content] if isinstance(content, dict) else keys
    if lacking:
        raise InputError(path, expected=f'the keys {", ".join(keys)}', found=f'no {", ".join(lacking)}', remedy=remedy)
    return content


def _manifest(folder: Path, stage: str) -> dict:
    path = folder / manifest.NAME
    return _json(path, stage, ('stage', 'parameters', 'versions')) if path.exists() else {}


def _model(root: Path, folder: Path) -> Model:
    name, path, config = folder.relative_to(root / 'models').as_posix(), folder / METRICS, folder / 'config.py'
    stage, rows = name.split('/')[0], []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            raise InputError(f'{path}:{number}', expected='a JSON object', found=repr(line[:40]),
                             remedy=f'remove {folder} and run make {stage}') from None
    text = config.read_text(encoding='utf-8') if config.exists() else ''
    cost = _json(folder / COST, stage, ('parameters', 'images_per_second')) if (folder / COST).exists() else {}
    return Model(name, rows, text, _manifest(folder, stage), cost)


def read(root: Path, kinds: Iterable[Result]) -> Found:
    """Read the results of these kinds and all trainings; pictures and lists are read by whoever shows them.

    Raises:
        InputError: a damaged file, or one of another format.
    """
    results = [One(kind, file.parent.relative_to(root).as_posix(), file, _json(file, kind.stage, kind.keys),
                   _manifest(file.parent, kind.stage)) for kind in kinds for file in _files(root, kind)]
    return Found(root, tuple(results), tuple(_model(root, folder) for folder in _trainings(root)))
