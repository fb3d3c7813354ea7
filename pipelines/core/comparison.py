"""classify's table: what each row reaches, and what it gains over the rows that it is a change of."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: unique in the table; its runs carry it.
        title: in words.
        config: as a manifest names it.
        parents: names of the rows that it is a change of, nearest first.
    """
    name: str
    title: str
    config: str
    parents: tuple[str, ...] = ()


def tabulate(rows: Sequence[Row], results: Mapping[str, Mapping[int, dict[str, Any]]]) -> dict:
    """The table of `docs/formats.md` from the runs' predictions.

    Args:
        rows: the first is the reference.
        results: by row's name and seed, the content of the run's ``test.json``.
    """
    import numpy as np
    from sklearn.metrics import f1_score

    from pipelines.core import statistics

    first = next(iter(results[rows[0].name].values()))
    classes, labels = first['classes'], np.array(first['label'])
    for by_seed in results.values():
        for result in by_seed.values():
            if result['image_id'] != first['image_id']:
                raise RuntimeError('the rows were not read on the same test images')
    scores = {name: np.array([result['scores'] for result in by_seed.values()]) for name, by_seed in results.items()}
    reference, *others = (row.name for row in rows)
    nearest = [(row.name, next((name for name in row.parents if name in scores), reference)) for row in rows[1:]]
    parents = [pair for pair in nearest if pair[1] != reference]
    compared = statistics.compare(labels, scores, [(name, reference) for name in others] + parents)
    differences = dict(zip(others, compared))
    shown = []
    for row in rows:
        per_seed = {}
        for (seed, result), score in zip(results[row.name].items(), scores[row.name]):
            top1 = score.argmax(1)
            per_seed[str(seed)] = dict(top1=float((top1 == labels).mean()),
                                       top5=float(statistics.top_k(labels, score, 5).mean()),
                                       macro_f1=float(f1_score(labels, top1, average='macro')),
                                       best_epoch=result['best_epoch'])
        shown.append(dict(name=row.name, title=row.title, config=row.config, runs=per_seed,
                          train_images=next(iter(results[row.name].values()))['train_images'],
                          parent=dict(nearest).get(row.name), difference=differences.get(row.name),
                          **statistics.summary(labels, scores[row.name])))
    return dict(classes=classes, seeds=sorted({seed for by_seed in results.values() for seed in by_seed}),
                reference=reference, test_images=len(labels), rows=shown, comparisons=compared[len(others):])
