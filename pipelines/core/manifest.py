"""Manifests: what a folder was made from, so that nothing is made twice and nothing is half made.

`produce` runs a build into a hidden sibling folder and renames it into place, manifest last. A later call with the
same parameters and the same input bytes, onto untouched outputs, returns at once. A manifest has no time stamps and no
absolute paths: equal inputs give equal bytes.

Beside ``crop/`` lie ``.crop.lock`` (one writer at a time), ``.crop.staging`` (a build under way, kept for resuming
where the build can resume) and ``.crop.stat.json`` (size and mtime of what was hashed, so that 41,160 crops are
checked without being read; the stages beside it use it too, for they read the same images).
"""
from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines import __version__
from pipelines.core import json_files
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import Cache, Digests, fingerprint

NAME = 'manifest.json'
LOGS = 'logs'  # a folder of this name is kept with a result but is no part of it: TensorBoard events, checkpoints


def link(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``, replacing a link that says otherwise.

    Links are no part of a manifest, so a stage calls this after `produce` as well: it mends one that dangles because
    the data were moved.
    """
    if path.is_symlink() and os.readlink(path) == target:
        return
    partial = path.with_name(f'.{path.name}.partial')
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    partial.replace(path)


def _rows(paths: Mapping[str, Path | dict], cache: Cache, written: Digests | None = None) -> list[dict]:
    rows = []
    for name, path in sorted(paths.items()):
        digest, count = (path['sha256'], path['count']) if isinstance(path, dict) else fingerprint(
            path, cache, written=written, inside=name)
        rows.append(dict(path=name, sha256=digest, count=count))
    return rows


def recorded(folder: Path) -> dict[str, dict]:
    """By path, the rows of a manifest's inputs and outputs: what `produce` takes in place of reading the files again.

    Raises:
        InputError: no manifest.
    """
    try:
        content = load(folder)
        return {row['path']: row for row in content['inputs'] + content['outputs']}
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(folder / NAME, expected='the manifest of a finished stage', found='none that can be read',
                         remedy=f'run that stage first: make {folder.name}') from None


def _outputs(folder: Path) -> dict[str, Path]:
    return {entry.name: entry for entry in folder.iterdir()
            if entry.name not in (NAME, LOGS) and not entry.is_symlink() and not entry.name.startswith('.')}


def load(folder: Path) -> dict:
    return json_files.read(folder / NAME)


@contextlib.contextmanager
def reading(folder: Path, parameters: Mapping[str, Any]) -> Iterator[None]:
    """Use what `produce` made of these parameters, and another run may make anew of others meanwhile.

    Raises:
        InputError: one did.
    """
    def found() -> dict:
        try:
            return load(folder)
        except (OSError, ValueError):
            return {}

    before = found()
    yield
    if before.get('parameters') != json.loads(json.dumps(parameters)) or found() != before:
        raise InputError(folder, expected='the result that this run made or found there',
                         found='that of another run at the same time', remedy='run the same command again; give runs '
                         'of another seed or other options a folder of their own (--model-dir)')


def _head(stage: str, parameters: Mapping[str, Any], inputs: Mapping[str, Path | dict], packages: tuple[str, ...],
          cache: Cache) -> dict:
    from importlib import metadata

    return dict(stage=stage, parameters=json.loads(json.dumps(parameters)), inputs=_rows(inputs, cache),
                versions={'fgic': __version__, **{name: metadata.version(name) for name in sorted(packages)}})


def _cache(out: Path) -> Cache:
    """What the stages hashed that write beside ``out``."""
    rows = []
    for path in out.parent.glob('.*.stat.json'):
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            rows += [(str(key), str(stats), str(sha256)) for key, (stats, sha256) in json_files.read(path).items()]
    return Cache(rows)


def is_current(out: Path, stage: str, parameters: Mapping[str, Any], inputs: Mapping[str, Path | dict], *,
               packages: tuple[str, ...] = ()) -> bool:
    """Whether `produce` with these arguments would find ``out`` up to date."""
    out = out.absolute()
    cache = _cache(out)
    return _current(out, _head(stage, parameters, inputs, packages, cache), cache)


def _current(out: Path, head: dict, cache: Cache) -> bool:
    try:
        found = load(out)
    except (OSError, ValueError):
        return False
    return {key: found.get(key) for key in head} == head and found.get('outputs') == _rows(_outputs(out), cache)


def _changed(out: Path, head: dict) -> str:
    """In words, what of a result's manifest is no longer so; nothing where there is no result."""
    try:
        found = load(out)
    except (OSError, ValueError):
        return ''
    reasons = []
    for key in ('parameters', 'versions'):
        old, new = found.get(key, {}), head[key]
        reasons += [f'{key[:-1]} {name}' for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    old, new = ({row['path']: row for row in rows} for rows in (found.get('inputs', []), head['inputs']))
    reasons += [f'input {name}' for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return ', '.join(reasons) or 'its own files'


def _publish(staging: Path, out: Path, old: Path) -> None:
    if out.exists():
        out.rename(old)
    staging.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def produce(out: Path, stage: str, parameters: Mapping[str, Any], inputs: Mapping[str, Path | dict],
            build: Callable[[Path], Digests | None], *, packages: tuple[str, ...] = (), resume: bool = False) -> bool:
    """Make ``out`` with ``build``, unless it is already there, made from the same parameters and bytes.

    Args:
        out: the result's folder.
        stage: recorded, and printed in front of "up to date".
        parameters: JSON values; no absolute paths.
        inputs: files and folders read by the build, by the name they are recorded under; or rows that another
            stage's manifest has of them (`recorded`).
        build: fills the (empty) folder it is given, and may return digests of files it wrote, which then are not
            read again. Hidden folders are scratch: removed before the folder is published.
        packages: distributions whose versions are recorded and, changed, make a result outdated.
        resume: the build can go on in the folder that an interrupted one left.
    Returns:
        whether anything was built.
    """
    from filelock import FileLock, Timeout

    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    side = {kind: out.with_name(f'.{out.name}.{kind}') for kind in ('lock', 'staging', 'old', 'stat.json', 'key')}
    lock = FileLock(side['lock'])
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f'[{stage}] another process is writing {out}; waiting for it', flush=True)
        lock.acquire()
    try:
        if side['old'].exists() and not out.exists():
            side['old'].rename(out)
        shutil.rmtree(side['old'], ignore_errors=True)
        if out.is_dir() and any(out.iterdir()) and not (out / NAME).exists():
            raise InputError(out, expected='a folder that a stage wrote, or none', found=f'a folder without {NAME}',
                             remedy='choose another --out, or move that folder away')
        cache = _cache(out)
        head = _head(stage, parameters, inputs, packages, cache)
        if _current(out, head, cache):
            json_files.write(side['stat.json'], cache.used)
            print(f'[{stage}] up to date', flush=True)
            return False
        if why := _changed(out, head):
            print(f'[{stage}] again, for {why} changed', flush=True)

        staging, key = side['staging'], json.dumps(head, sort_keys=True)
        if not (resume and side['key'].exists() and side['key'].read_text() == key):
            side['key'].unlink(missing_ok=True)  # first: nobody is to resume in a folder that was half removed
            shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(exist_ok=True)
        if resume:
            side['key'].write_text(key)
        if not (staging / NAME).exists():  # else it is whole, and was stopped before it was published
            written = build(staging)
            outputs = _rows(_outputs(staging), cache, written)
            if written and written.missing():
                raise InputError(staging, expected='every file that was written', found=f'{written.missing()} missing',
                                 remedy='remove that folder, and see whether the disk is well')
            json_files.write(staging / NAME, dict(head, outputs=outputs))
        for scratch in [entry for entry in staging.glob('.*') if entry.is_dir() and not entry.is_symlink()]:
            shutil.rmtree(scratch)
        _publish(staging, out, side['old'])
        side['key'].unlink(missing_ok=True)
        old, new = os.path.realpath(staging), os.path.realpath(out)
        json_files.write(side['stat.json'], {
            new + path[len(old):] if path.startswith(old) else path: row for path, row in cache.used.items()})
    finally:
        lock.release()
    return True
