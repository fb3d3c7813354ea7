"""Manifests: what a folder was made from, so that nothing is made twice and nothing is half made.

`produce` runs a build into a hidden sibling folder and swaps it into place, manifest last. A later call with the
same parameters and the same input bytes, onto untouched outputs, returns at once. A manifest has no time stamps and no
absolute paths: equal inputs give equal bytes.

What decides a result stands in its head (stage, parameters, inputs, versions) and, changed, makes it again. What it was
``made`` with (the digest of our code; device, CPU, threads) is recorded too; where only the code is another, the
result stays and a line says so: FGIC_AGAIN=1 (``make AGAIN=1``) makes it anew.

Beside ``crop/`` lie ``.crop.lock`` (one writer at a time), ``.crop.staging`` (a build under way, kept for resuming
where the build can resume), ``.crop.key`` (what that is a build of) and ``.crop.stat.json`` (sizes and times of what
was hashed, so that 41,160 crops are checked without being read; the stages beside it use it too, for they read the same
images) and ``.crop.seconds.json`` (how long it took: core/seconds.py).
"""
from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines import __version__
from pipelines.core import code, files, json_files, seconds
from pipelines.core.errors import InputError
from pipelines.core.files import link
from pipelines.core.fingerprint import Cache, Digests, Listed, fingerprint
from pipelines.core.records import LOGS, NAME, Row, check_chain, check_outputs, found, known, load, reading, recorded

# A stage needs this module alone.
__all__ = ['AGAIN', 'LOGS', 'NAME', 'Listed', 'OutdatedError', 'Row', 'asking', 'check_chain', 'check_outputs',
           'found', 'is_current', 'link', 'load', 'other_code', 'produce', 'reading', 'recorded', 'versions']

AGAIN = 'FGIC_AGAIN'
_ASKING: ContextVar[bool] = ContextVar('asking', default=False)

Inputs = Mapping[str, Path | Listed | dict[str, Any]]


def _rows(paths: Inputs, cache: Cache, written: Digests | None = None) -> list[dict[str, Any]]:
    rows = []
    for name, path in sorted(paths.items()):
        digest, count = (path['sha256'], path['count']) if isinstance(path, dict) else fingerprint(
            path, cache, written=written, inside=name)
        rows.append(dict(path=name, sha256=digest, count=count))
    return rows


def _outputs(folder: Path) -> dict[str, Path]:
    return {entry.name: entry for entry in folder.iterdir()
            if entry.name not in (NAME, LOGS) and not entry.is_symlink() and not entry.name.startswith('.')}


def _head(stage: str, parameters: Mapping[str, Any], inputs: Inputs, packages: tuple[str, ...],
          cache: Cache) -> dict[str, Any]:
    return dict(stage=stage, parameters=json.loads(json.dumps(parameters)), inputs=_rows(inputs, cache),
                versions={'fgic': __version__, **versions(packages)})


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of installed distributions, by name.

    Raises:
        InputError: one is not there.
    """
    return {name: _version(name) for name in sorted(packages)}


@functools.cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise InputError(package, expected='an installed package', found='none', remedy='make doctor says what is '
                         'missing, make setup installs it') from None


def is_current(out: Path, stage: str, parameters: Mapping[str, Any], inputs: Inputs, *,
               packages: tuple[str, ...] = (), source: Path | None = None) -> bool:
    """Whether `produce` with these arguments would find ``out`` up to date.

    Args:
        source: the file that the build is in, for `AGAIN`.
    """
    out = out.absolute()
    cache = known(out.parent)
    head = _head(stage, parameters, inputs, packages, cache)
    return _current(out, head, cache) and not (source and _again() and other_code(out, source))


class OutdatedError(Exception):
    """In `asking`, what `produce` would have to make."""

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self.out = out


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """In here `produce` builds nothing, and writes nothing: it raises `OutdatedError` where it would build."""
    token = _ASKING.set(True)
    try:
        yield
    finally:
        _ASKING.reset(token)


def other_code(out: Path, source: Path) -> bool:
    """Whether a result is of other code than the present one.

    Args:
        source: the file that the build is in.
    """
    return [row.get('code') for row in found(out).get('made', [])][-1:] != [code.digest(source)]


def _again() -> bool:
    return os.environ.get(AGAIN, '') not in ('', '0')


def _current(out: Path, head: dict[str, Any], cache: Cache) -> bool:
    content = found(out)
    return {key: content.get(key) for key in head} == head and content.get('outputs') == _rows(_outputs(out), cache)


def _changed(out: Path, head: dict[str, Any]) -> str:
    """In words, what of a result's manifest is no longer so; nothing where there is no result."""
    content = found(out)
    return (_differences(content, head) or 'its own files') if content else ''


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """In words, in what two heads differ."""
    names = []
    for key in ('parameters', 'versions'):
        before, after = old.get(key, {}), new[key]
        names += [f'{key[:-1]} {name}' for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    before, after = ({row['path']: row for row in head.get('inputs', [])} for head in (old, new))
    names += [f'input {name}' for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return ', '.join(names)


def _still(inputs: Inputs, head: dict[str, Any], out: Path, cache: Cache) -> None:
    """The inputs are what they were before the build.

    Raises:
        InputError: one is not: nobody can say what the build has read.
    """
    now = _rows({name: path.now() or dict(path, sha256='') if isinstance(path, Row) else path
                 for name, path in inputs.items()}, cache)
    if changed := [new['path'] for old, new in zip(head['inputs'], now) if old != new]:
        raise InputError(changed[0], expected=f'the same bytes while {out.name} was made from them',
                         found='others at the end', remedy='run the same command again, when nothing writes there; the '
                         'earlier result is untouched')


def _publish(staging: Path, out: Path, old: Path) -> None:
    """Put a whole folder into the place of another: a reader sees one of them at every moment."""
    if not out.exists():
        staging.rename(out)
        return
    if files.exchange(staging, out):
        staging.rename(old)
    else:  # a file system that cannot swap: for a moment there is neither
        out.rename(old)
        staging.rename(out)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, stage: str, out: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f'[{stage}] another process is writing {out}; waiting for it', flush=True)
            lock.acquire()
    except NotImplementedError:
        raise InputError(path, expected='a file system with locks (flock)', found='one without', remedy='choose a '
                         'WORK on another one, or have it mounted with locks (Lustre: -o flock)') from None
    try:
        yield
    finally:
        lock.release()


def produce(out: Path, stage: str, parameters: Mapping[str, Any], inputs: Inputs,
            build: Callable[[Path], Digests | None], *, packages: tuple[str, ...] = (), resume: bool = False,
            conditions: Callable[[], dict[str, Any]] = dict, quick: bool = False) -> bool:
    """Make ``out`` with ``build``, unless it is already there, made from the same parameters and bytes.

    Args:
        out: the result's folder.
        stage: recorded, and printed in front of "up to date".
        parameters: JSON values; no absolute paths. Whatever decides the result: options, the number of processes.
        inputs: files and folders read by the build, by the name they are recorded under (relative to WORK/DATASET); or
            the files that a list names; or rows that another stage's manifest has of them (`recorded`).
        build: fills the (empty) folder it is given, and may return digests of files it wrote, which then are not
            read again. Hidden folders are scratch: removed before the folder is published.
        packages: distributions whose versions are recorded and, changed, make a result outdated.
        resume: the build can go on in the folder that an interrupted one left.
        conditions: recorded as what it was made with (`devices.conditions`); asked only where something is built.
        quick: made in seconds, and nothing depends on it: other code makes it again.
    Returns:
        whether anything was built.
    Raises:
        InputError: ``out`` holds somebody else's files; an input changed meanwhile: nothing is published then.
    """
    out = out.absolute()
    if _ASKING.get():
        source = Path(inspect.unwrap(getattr(build, 'func', build)).__code__.co_filename)
        if not found(out) or not is_current(out, stage, parameters, inputs, packages=packages, source=source):
            raise OutdatedError(out)
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    side = {kind: out.with_name(f'.{out.name}.{kind}') for kind in ('lock', 'staging', 'old', 'stat.json', 'key')}
    with _locked(side['lock'], stage, out):
        if side['old'].exists() and not out.exists():
            side['old'].rename(out)
        shutil.rmtree(side['old'], ignore_errors=True)
        if out.is_dir() and any(out.iterdir()) and not (out / NAME).exists():
            raise InputError(out, expected='a folder that a stage wrote, or none', found=f'a folder without {NAME}',
                             remedy='choose another --out, or move that folder away')
        cache, made = known(out.parent), dict(code=code.of(build))
        head = _head(stage, parameters, inputs, packages, cache)
        current = _current(out, head, cache)
        other = current and [row.get('code') for row in found(out).get('made', [])][-1:] != [made['code']]
        if current and not (other and (quick or _again())):
            json_files.write(side['stat.json'], cache.used)
            print(f'[{stage}] up to date' + (', but made by other code than this (AGAIN=1 makes it anew)' if other else
                                             ''), flush=True)
            return False
        if why := 'the code' if other else _changed(out, head):
            print(f'[{stage}] again, for {why} changed', flush=True)
        _build(out, side, stage, head, dict(made, **conditions()), inputs, build, cache, resume)
    return True


def _build(out: Path, side: Mapping[str, Path], stage: str, head: dict[str, Any], now: dict[str, Any], inputs: Inputs,
           build: Callable[[Path], Digests | None], cache: Cache, resume: bool) -> None:
    """Run a build, or go on with an interrupted one of the same head, and publish it."""
    staging, key = side['staging'], side['key']
    begun = _begun(key) if resume else {}
    whole = begun.get('head') == head and (staging / NAME).exists() and _current(staging, head, cache)
    if begun.get('head') != head or (staging / NAME).exists() and not whole:
        if begun.get('head'):
            print(f'[{stage}] starts anew: the one that was interrupted had another '
                  f'{_differences(begun["head"], head) or "code"}', flush=True)
        begun = {}
        key.unlink(missing_ok=True)  # first: nobody is to resume in a folder that was half removed
        shutil.rmtree(staging, ignore_errors=True)
        seconds.path(staging).unlink(missing_ok=True)
    else:
        files.remove_partials(staging)
    staging.mkdir(exist_ok=True)
    made = begun.get('made', [])
    if not whole and made[-1:] != [now]:
        if made:
            print(f'[{stage}] goes on with {_words(now, made[-1])}; it began with {_words(made[-1], now)}', flush=True)
        made.append(now)
    if resume:
        json_files.write(key, dict(head=head, made=made))
    if not whole:  # else it was stopped before it was published
        with seconds.part(staging, seconds.TOTAL):
            written = build(staging)
        outputs = _rows(_outputs(staging), cache, written)
        if written and written.missing():
            raise InputError(staging, expected='every file that was written', found=f'{written.missing()} missing',
                             remedy='remove that folder, and see whether the disk is well')
        try:
            _still(inputs, head, out, cache)
        except InputError:
            key.unlink(missing_ok=True)  # nobody is to resume what was made of two states
            raise
        json_files.write(staging / NAME, dict(head, made=made, outputs=outputs))
    for scratch in [entry for entry in staging.glob('.*') if entry.is_dir() and not entry.is_symlink()]:
        shutil.rmtree(scratch)
    _publish(staging, out, side['old'])
    seconds.publish(staging, out)
    key.unlink(missing_ok=True)
    old, new = os.path.realpath(staging), os.path.realpath(out)
    json_files.write(side['stat.json'], {
        new + path[len(old):] if path.startswith(old) else path: row for path, row in cache.used.items()})


def _begun(key: Path) -> dict[str, Any]:
    """What an unfinished build is one of."""
    try:
        content = json_files.read(key)
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def _words(conditions: dict[str, Any], other: dict[str, Any]) -> str:
    """What of some conditions is not so in others."""
    return ', '.join(f'{name} {str(value)[:12 if name == "code" else None]}' for name, value in conditions.items()
                     if other.get(name) != value)
