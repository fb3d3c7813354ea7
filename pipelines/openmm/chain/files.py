"""A chain on picture files, a shard at a time: what `core.shards.run` spreads over processes or a Dask cluster."""
from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import answers, bundle, images
from pipelines.core.answers import Rules
from pipelines.core.errors import InputError
from pipelines.core.files import replacing

QUALITY = 90
LONGER = 1600  # pixels of a saved picture


@dataclass(frozen=True)
class Job:
    """How to predict.

    Args:
        bundle: its folder.
        conf: see `Chain`.
        batch: see `Chain`.
        rules: when an answer is sure.
        top: classes that are listed.
        crops: folder that gets the crops; None: they are not kept.
        pictures: folder that gets the pictures with boxes and answers; None: they are not kept.
    """
    bundle: Path
    conf: float | None
    batch: int | None
    rules: Rules
    top: int
    crops: Path | None = None
    pictures: Path | None = None


@functools.lru_cache(maxsize=1)
def _chain(folder: Path, conf: float | None, batch: int | None) -> Any:
    from pipelines.openmm.chain.chain import Chain

    return Chain(bundle.read(folder), conf=conf, batch=batch)


def release() -> None:
    """Forget the chain that `predict` keeps."""
    _chain.cache_clear()


def predict(files: list[tuple[str, str]], job: Job) -> list[dict[str, Any]]:
    """A record of every file, in their order.

    Args:
        files: a name, unique, and the path.
    Returns:
        ``file`` (the name), and ``failure`` (why there is nothing), or ``size`` (width, height) and ``animals``: best
        detection first, each with ``box`` (xyxy pixels), ``score`` (None: not detected, the whole image), ``crop``
        (xyxy whole pixels), ``answer`` (`answers.shown`) and ``classes`` (number, score).
    """
    import cv2

    from pipelines.openmm.chain.chain import windows
    from pipelines.openmm.engine import speed

    chain = _chain(job.bundle, job.conf, job.batch)
    cv2.setNumThreads(1)  # the pool's are the parallel part
    records: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(speed.cpus()) as pool:
        for window in windows(_read(files, pool, records)):
            for (name, picture), animals in zip(window, chain([picture for _, picture in window], pool)):
                records[name] = dict(file=name, size=list(picture.size), animals=[
                    row(animal, job.rules, job.top) for animal in animals])
                _save(name, picture, animals, records[name]['animals'], job)
    return [records[name] for name, _ in files]


def _read(files: list[tuple[str, str]], pool: ThreadPoolExecutor, records: dict[str, dict[str, Any]]
          ) -> Iterator[tuple[str, images.Picture]]:
    """The pictures that can be read, a few ahead; of the others a record is made."""
    ahead = 2 * pool._max_workers
    waiting = [pool.submit(_opened, path) for _, path in files[:ahead]]
    for number, (name, _) in enumerate(files):
        found = waiting.pop(0).result()
        if (after := number + ahead) < len(files):
            waiting.append(pool.submit(_opened, files[after][1]))
        if isinstance(found, str):
            records[name] = dict(file=name, failure=found)
        else:
            yield name, found


def _opened(path: str) -> images.Picture | str:
    try:
        return images.read(path)
    except InputError as error:  # one file is no reason to stop
        return f'expected {error.parts["expected"]}, found {error.parts["found"]}'


def row(animal: Any, rules: Rules, top: int) -> dict[str, Any]:
    """One of a record's ``animals``.

    Args:
        animal: a chain's.
        top: classes that are listed.
    """
    scores = rules.possible(animal.scores)
    return dict(box=list(animal.found.xyxy), score=animal.found.score, crop=list(animal.area),
                answer=answers.shown(rules.answer(animal.scores)), classes=answers.best(scores, top))


def _save(name: str, picture: images.Picture, animals: list[Any], rows: list[dict[str, Any]], job: Job) -> None:
    if job.crops:
        for number, animal in enumerate(animals, start=1):
            _write(job.crops / f'{name}-{number}.jpg', images.encode_jpeg(animal.crop, 95))
    if job.pictures:
        from pipelines.core import answer_pictures

        drawn = answer_pictures.draw(picture, rows, LONGER)
        _write(job.pictures / f'{name}.jpg', images.encode_jpeg(drawn, QUALITY))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, binary=True) as stream:
        stream.write(content)
