"""Numbers over what was made of every image: attribution in the box, the features' arrangement, confused pairs."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.analysis import embedding, sheets
from pipelines.analysis.intervals import difference, mean
from pipelines.analysis.subject import Rows, Subject

_PAIRS = 6
Seen = Mapping[int, Sequence[Mapping[str, Any]]]


def numbers(seen: Seen) -> dict[str, Any]:
    """``methods``, ``sanity`` and ``embedding`` of `docs/formats.md`.

    Args:
        seen: by seed, what `looking.looked_at` gave of the same images.
    """
    random = [row['random'] for rows in seen.values() for row in rows if row['random'] is not None]
    first = next(iter(seen.values()))
    found: dict[str, Any] = dict(methods={name: one for name in first[0]['inside'] if (one := _inside(seen, name))},
                                 sanity=dict(rank_correlation=float(np.mean(random)), images=len(random)),
                                 embedding=None)
    if len(first) >= 5:
        labels = np.array([row['label'] for row in first])
        arranged = embedding.arranged(np.array([row['features'] for row in first], np.float32), labels)
        purity = np.array(arranged.pop('purity_images'))
        found['embedding'] = dict(arranged, purity_interval=mean(purity[None])['interval'], label=labels.tolist(),
                                  predicted=[row['predicted'] for row in first],
                                  image_id=[row['image_id'] for row in first])
    return found


def _inside(seen: Seen, name: str) -> dict[str, Any] | None:
    """The energy of a method's maps inside the box against the box's area, over the images that have both for every
    seed; None where these are fewer than two."""
    shares = np.array([[row['inside'][name] if row['inside'][name] is not None else np.nan for row in rows]
                       for rows in seen.values()], float)
    areas = np.array([row['area'] if row['area'] is not None else np.nan for row in next(iter(seen.values()))], float)
    known = np.isfinite(shares).all(axis=0) & np.isfinite(areas)
    if known.sum() < 2:
        return None
    shares, areas = shares[:, known], areas[known]
    same = np.broadcast_to(areas, shares.shape)
    return dict(inside=mean(shares), area=mean(areas[None]), difference=difference(shares, same),
                images=int(known.sum()), empty=int((~known).sum()))


def confused(folder: Path, one: Subject, rows: Rows, seen: Sequence[Mapping[str, Any]]
             ) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The most confused pairs of classes among the images, and a sheet of each pair's surest mistake with the nearest
    images of both classes in the features.

    Returns:
        rows of ``true``, ``predicted``, ``count``, ``of`` (images of the true class), ``image_id`` of the mistake,
        ``nearest`` (of the answered class, then of the true one: ``image_id``, ``cosine``); and the sheet's caption.
    """
    features = np.array([row['features'] for row in seen])
    labels, answers = (np.array([row[key] for row in seen]) for key in ('label', 'predicted'))
    pairs, cells = [], []
    counted = Counter((int(i), int(j)) for i, j in zip(labels, answers) if i != j)
    for (true, answer), count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_PAIRS]:
        mistakes = np.flatnonzero((labels == true) & (answers == answer))
        surest = int(max(mistakes, key=lambda i: seen[i]['probability']))
        near = [_nearest(features, surest, np.flatnonzero(labels == label)) for label in (answer, true)]
        pairs.append(dict(true=one.classes[true], predicted=one.classes[answer], count=count,
                          of=int((labels == true).sum()), image_id=seen[surest]['image_id'],
                          nearest=[dict(image_id=seen[i]['image_id'], cosine=cosine) if i is not None else None
                                   for i, cosine in near]))
        cells += _line(one, rows, surest, near, pairs[-1])
    if not cells:
        return [], {}
    words = (f'{one.run.name} on {one.split}: the pairs of classes that are confused most. In each of two columns: the '
             'surest mistake, the nearest image of the class that was answered, the nearest other one of its own class '
             '(by the angle between features)')
    sheets.save(folder / 'sheet_confused.jpg', words, cells, columns=6)
    return pairs, {'sheet_confused.jpg': words}


def _nearest(features: NDArray[np.float64], i: int, among: NDArray[np.intp]) -> tuple[int | None, float]:
    among = among[among != i]
    if not len(among):
        return None, 0.
    cosines = features[among] @ features[i]
    return int(among[cosines.argmax()]), float(cosines.max())


def _line(one: Subject, rows: Rows, surest: int, near: Sequence[tuple[int | None, float]], pair: Mapping[str, Any]
          ) -> list[sheets.Cell]:
    def picture(i: int) -> sheets.Picture:
        return one.pictures(one.images([rows[i]]))[0]

    def name(text: str) -> str:
        return text.split('.', 1)[-1].replace('_', ' ')

    words = f'is {name(pair["true"])}, answer {name(pair["predicted"])} ({pair["count"]} of {pair["of"]})'
    return [sheets.Cell(picture(surest), words), *(
        sheets.Cell(None) if i is None else sheets.Cell(picture(i), f'{name(label)}, cosine {cosine:.2f}')
        for (i, cosine), label in zip(near, (pair['predicted'], pair['true'])))]
