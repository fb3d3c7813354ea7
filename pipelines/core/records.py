"""What manifests say: of one result, and whether results that were made from each other still fit together."""
from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.core import json_files
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import Cache, fingerprint

NAME = 'manifest.json'
LOGS = 'logs'  # a folder of this name is kept with a result but is no part of it: TensorBoard events, checkpoints


def load(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json_files.read(folder / NAME)
    return content


def found(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; empty where there is none, or none that can be read."""
    try:
        return load(folder)
    except (OSError, ValueError):
        return {}


class Row(dict[str, Any]):
    """A row of a stage's manifest, and the folder of that stage."""

    def __init__(self, row: dict[str, Any], folder: Path) -> None:
        super().__init__(row)
        self.folder = folder

    def now(self) -> dict[str, Any]:
        """The row as the manifest has it now."""
        return recorded(self.folder).get(self['path'], {})


def recorded(folder: Path) -> dict[str, Row]:
    """By path, the rows of a manifest's inputs and outputs: what `produce` takes in place of reading the files again.

    Raises:
        InputError: no manifest.
    """
    try:
        content = load(folder)
        return {row['path']: Row(row, folder) for row in content['inputs'] + content['outputs']}
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(folder / NAME, expected='the manifest of a finished stage', found='none that can be read',
                         remedy=f'run that stage first: make {folder.name}') from None


@contextlib.contextmanager
def reading(results: Path | Mapping[Path, Mapping[str, Any]], parameters: Mapping[str, Any] | None = None
            ) -> Iterator[None]:
    """Use what `produce` made, and another run may make anew of other parameters meanwhile.

    Args:
        results: folders, with the parameters that each was made or found with; or one folder, and its parameters next.
    Raises:
        InputError: one of them was.
    """
    wanted = {results: parameters} if isinstance(results, Path) else results
    before = {folder: found(folder) for folder in wanted}
    yield
    for folder, content in before.items():
        if content.get('parameters') != json.loads(json.dumps(wanted[folder])) or found(folder) != content:
            raise InputError(folder, expected='the result that this run made or found there',
                             found='that of another run at the same time', remedy='run the same command again; give '
                             'runs of other options a folder of their own (--model-dir, --models)')


def known(folder: Path) -> Cache:
    """What the stages hashed that wrote into a folder."""
    rows = []
    for path in folder.glob('.*.stat.json'):
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            rows += [(str(key), str(stats), str(sha256)) for key, (stats, sha256) in json_files.read(path).items()]
    return Cache(rows)


def check_outputs(out: Path, *names: str) -> None:
    """Files and folders of a result are as its stage left them; where no stage made it, there is nothing to say.

    Raises:
        InputError: one is not.
    """
    wanted = {row['path']: row['sha256'] for row in found(out).get('outputs', []) if row['path'] in names}
    cache = known(out.absolute().parent)
    for name, sha256 in wanted.items():
        if fingerprint(out / name, cache, inside=name)[0] != sha256:
            raise InputError(out / name, expected='the files that the stage wrote, whose SHA-256 its lists hold',
                             found='others: some were changed, added or removed since',
                             remedy='run that stage again; images of your own are a dataset of their own (RAW)')


def check_chain(root: Path, *results: str, places: Mapping[str, Path] | None = None) -> None:
    """The results, and those that they were made from, are of the states that lie there now.

    An input that a manifest records as ``crop/square_train.json`` is compared with the output ``square_train.json`` of
    ROOT/crop. What two manifests record under one name (the raw images) has to be one state, too.

    Args:
        root: WORK/DATASET.
        results: folders below it: ``synth``, ``models/classify/resnet50-seed0``. Those that are not there are left out.
        places: of results that lie elsewhere, by the same names.
    Raises:
        InputError: one was made of another state; it names what to run again.
    """
    def place(name: str) -> Path:
        return (places or {}).get(name, root / name)

    seen, waiting = dict[str, dict[str, Any]](), list(results)
    while waiting:
        name = waiting.pop(0)
        if name in seen or not (content := found(place(name))):
            continue
        seen[name] = content
        for row in content.get('inputs', []):
            source = _source(place, row['path'])
            waiting += [source] if source else []
            outputs = {f'{source}/{output["path"]}': output['sha256'] for output in found(place(source))['outputs']
                       } if source else {}
            if outputs.get(row['path'], row['sha256']) != row['sha256']:
                raise InputError(place(name), expected=f'a result made from the present {source}',
                                 found=f'one made from another {row["path"]}',
                                 remedy=f'run that stage again: make {_stage(name)}; or move what it left away')
    _one_state(place, seen)


def _source(place: Callable[[str], Path], path: str) -> str | None:
    """The result that a file belongs to."""
    names = [parent.as_posix() for parent in Path(path).parents][:-1]
    return next((name for name in names if (place(name) / NAME).is_file()), None)


def _stage(name: str) -> str:
    """``models/detect/x`` is made by detect."""
    parts = name.split('/')
    stage = parts[1] if parts[0] == 'models' and len(parts) > 1 else parts[0]
    return 'classify' if stage == 'tested' else stage


def _one_state(place: Callable[[str], Path], manifests: Mapping[str, dict[str, Any]]) -> None:
    """No two results of a chain record other bytes under one name.

    Raises:
        InputError: two do.
    """
    first: dict[str, tuple[str, str]] = {}
    for name, content in manifests.items():
        for row in content.get('inputs', []):
            other, sha256 = first.setdefault(row['path'], (name, row['sha256']))
            if sha256 != row['sha256'] and '/' in row['path']:
                raise InputError(place(name), found='one made from another state of it',
                                 expected=f'a result made from the {row["path"]} that {other} was made from',
                                 remedy=f'run both stages again: make {_stage(name)} {_stage(other)}')
