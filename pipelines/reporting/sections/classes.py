"""Which classes are confused, and how every class fares in every row."""
from __future__ import annotations

from pipelines.reporting import matrices, verdicts
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CLASSIFY

_HARDEST = 10


def render(found: Found) -> dict:
    table = found.content(CLASSIFY)
    best, classes = verdicts.leading(table), table['classes']
    measured = [i for i, share in enumerate(best['per_class']) if share is not None]
    hardest = sorted(measured, key=lambda i: best['per_class'][i])
    few = len(classes) <= matrices.LABELLED
    return dict(table=table, best=best, few=few, hardest=hardest, shown=hardest[:_HARDEST],
                pairs=verdicts.confused_pairs(classes, best['confusion']),
                untested=[classes[i] for i in range(len(classes)) if i not in set(measured)],
                matrix=matrices.confusion(classes, best['confusion']) if few else
                matrices.most_confused(classes, best['confusion']),
                whole=None if few else matrices.confusion_of_many(classes, best['confusion']))


SECTION = Section(20, 'Which classes are confused', (CLASSIFY,), render, short='Classes')
