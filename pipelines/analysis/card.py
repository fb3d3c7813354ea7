"""A row's robustness card: every measurement over its images, as numbers with intervals."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.analysis import (
    attacked,
    background,
    bands,
    calibration,
    certified,
    corrupted,
    intervals,
    lipschitz,
    shifted,
)
from pipelines.analysis.subject import Rows, Subject, chosen, subject
from pipelines.analysis.trained import Trained
from pipelines.core import shards, statistics
from pipelines.runs import Run

PARTS = ('attacks', 'corruptions', 'calibration', 'shift', 'bands', 'background', 'certified', 'lipschitz')
_SHARD = 32


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Args:
        images: at most so many for attacks, certification and background; None: all.
        severities: of the corruptions.
        plan: of the attacks.
        samples: of noise for each certified image.
        slopes: images whose local slope is measured.
    """
    images: int | None = 64
    severities: tuple[int, ...] = (1, 3, 5)
    plan: attacked.Plan = attacked.Plan()
    samples: int = 1000
    slopes: int = 8

    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found


EFFORTS = {'laptop': Effort(), 'full': Effort(None, (1, 2, 3, 4, 5), attacked.Plan(
    'standard', attacked.LINF, 5000, 5), 100_000, 64)}
Seen = dict[int, list[dict[str, Any]]]


def scores(seen: Seen, name: str, classes: int) -> dict[str, Any]:
    """``accuracy`` and ``macro_f1`` of what is answered under a name, over images and seeds, with 95 % intervals."""
    first = [row for row in next(iter(seen.values())) if name in row['answers']]
    labels = np.array([row['label'] for row in first])
    answers = np.array([[row['answers'][name] for row in rows if name in row['answers']] for rows in seen.values()])
    found = dict(accuracy=intervals.mean((answers == labels).astype(float)))
    estimate = statistics.macro_f1(labels, answers, classes)
    found['macro_f1'] = intervals.mean(estimate)
    return found


class Card:
    """Args:
        row: trained.
        folder: keeps the finished shards, to go on after an interruption.
        effort: how much is tried.
    """

    def __init__(self, row: Trained, folder: Path, effort: Effort) -> None:
        self.row, self.folder, self.effort = row, folder, effort
        self.rows = chosen(row.runs[0], row.split, effort.images)
        self.first: Subject = subject(row.runs[0], row.split)

    def _each(self, name: str, work: Callable[..., Any], *more: Any, rows: Rows | None = None,
              engine: shards.Engine | None = None) -> Seen:
        """By seed, what a measurement gives of every image."""
        rows, found = self.rows if rows is None else rows, {}
        for run in self.row.runs:
            finished = shards.run(work, rows, (run, self.row.split, *more), self.folder / f'.{name}-{run.seed}',
                                  size=_SHARD, total=len(rows), title=f'robust: {run.name}, {name}',
                                  engine=engine or shards.Engine(1))
            found[run.seed] = [row for shard in shards.results(finished) for row in shard]
        return found

    def attacks(self) -> dict[str, Any]:
        seen = self._each('attacks', attacked.attacked, self.effort.plan)
        classes = len(self.first.classes)
        levels = [dict(name=name, norm=norm, eps=eps, attacks=[dict(attack=attack, **scores(
            seen, f'{name} {attack}', classes)) for attack, _ in attacks])
            for name, norm, eps, attacks in attacked.cascade(self.effort.plan)]
        said = [row['signs'] for rows in seen.values() for row in rows]
        return dict(images=len(self.rows), clean=scores(seen, 'clean', classes), levels=levels,
                    signs=signs(said, levels), autoattack=self.effort.plan.words(classes))

    def corruptions(self) -> dict[str, Any]:
        severities = self.effort.severities
        seen = self._each('corruptions', corrupted.corrupted, severities, engine=shards.Engine())
        kinds = {kind: {str(severity): scores(seen, f'{kind}-{severity}', len(self.first.classes))
                        for severity in severities} for kind in corrupted.KINDS}
        right = np.array([[np.mean([row['answers'][f'{kind}-{severity}'] == row['label'] for kind in corrupted.KINDS
                                    for severity in severities]) for row in rows] for rows in seen.values()])
        return dict(images=len(self.rows), severities=list(severities), kinds=kinds, mean=intervals.mean(right),
                    groups={group: float(np.mean([kinds[kind][str(severity)]['accuracy']['value'] for kind in members
                                                  for severity in severities]))
                            for group, members in corrupted.GROUPS.items()},
                    clean=scores(seen, 'clean', len(self.first.classes)))

    def calibration(self) -> dict[str, Any]:
        return {str(run.seed): calibration.calibration(*_stored(run, self.row.split)) for run in self.row.runs}

    def shift(self) -> dict[str, Any]:
        seen = self._each('shift', shifted.shifted)
        classes, answers = len(self.first.classes), [[row['answers']['left'] for row in rows] for rows in seen.values()]
        apart = [np.mean(np.array(one) != np.array(other)) for i, one in enumerate(answers) for other in answers[:i]]
        return dict(images=len(self.rows), left=scores(seen, 'left', classes), right=scores(seen, 'right', classes),
                    changed=_changed(seen, 'right', 'left'), seeds_disagree=float(np.mean(apart)) if apart else None)

    def bands(self) -> dict[str, Any]:
        seen = self._each('bands', bands.masked)
        return bands.summary([row for rows in seen.values() for row in rows], len(self.first.classes))

    def background(self) -> dict[str, Any] | None:
        """None where no box is annotated, or all boxes fill their images."""
        if not self.first.has_boxes:
            return None
        seen = self._each('background', background.exchanged, self.rows)
        known = [row for row in next(iter(seen.values())) if row['answers']]
        if len(known) < 2:
            return None
        clean = scores(seen, 'clean', len(self.first.classes))
        found = {name: dict(scores(seen, name, len(self.first.classes)), changed=_changed(seen, name),
                            images=sum(name in row['answers'] for row in known))
                 for name in background.VARIANTS if sum(name in row['answers'] for row in known) > 1}
        return dict(images=len(known), left_out=len(self.rows) - len(known), clean=clean, variants=found,
                    chance=1 / len(self.first.classes))

    def certified(self) -> dict[str, Any] | None:
        """None: the row was not trained with noise."""
        if (sigma := certified.sigma_of(self.first.cfg)) is None:
            return None
        seen = self._each('certified', certified.certified, sigma, self.effort.samples)
        return certified.curve([row for rows in seen.values() for row in rows], sigma, self.effort.samples)

    def lipschitz(self) -> dict[str, Any]:
        one, few = self.first, chosen(self.row.runs[0], self.row.split, self.effort.slopes)
        pixels = one.images(few)
        lower = max(lipschitz.local_norm(one.logits, pixels[i:i + 1]) for i in range(len(pixels)))
        try:
            scale = float(255 / one.pixels.std.min()) if hasattr(one.pixels.std, 'min') else 255.
            above, reason = lipschitz.upper(one.network, one.pixels.inputs(pixels[:1]), scale), None
        except lipschitz.UnboundedError as error:
            above, reason = None, str(error)
        return dict(lower=lower, upper=above, reason=reason, images=len(few))


def signs(said: Sequence[Mapping[str, Any]], levels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Signs of masked gradients over images and seeds: shares of the images that are right, and ``warnings``."""
    right = [row for row in said if row['right']]
    if not right:
        return dict(images=0, warnings=['No image is answered rightly: there is nothing to attack.'])
    share = {name: float(np.mean([row[name] for row in right])) for name in ('zero', 'fgsm', 'pgd', 'far', 'noise')}
    missed = float(np.mean([row['fgsm'] and not row['pgd'] for row in right]))
    last = [level['attacks'] for level in levels if level['norm'] == 'linf' and 'A' in level['attacks'][-1]['attack']]
    gain = max((steps[-2]['accuracy']['value'] - steps[-1]['accuracy']['value'] for steps in last), default=0.)
    warnings = [text for wrong, text in (
        (share['zero'] > 0.05, f'The gradient is zero for {share["zero"]:.0%} of the images: attacks by gradients fail '
                               'there, and say nothing.'),
        (missed > 0.05, f'One step breaks {missed:.0%} of the images that ten steps do not: gradients mislead.'),
        (share['noise'] > share['pgd'], 'Random noise breaks more images than PGD does: gradients mislead.'),
        (share['far'] < 0.95, f'PGD of radius 1, which may show any picture, breaks {share["far"]:.0%} alone: '
                              'gradients mislead.'),
        (gain > 0.05, f'The last attack takes {gain:.0%} of the images from what PGD left: the accuracy under PGD is '
                      'too good.')) if wrong]
    return dict(share, missed=missed, last=gain, images=len(right), warnings=warnings)


def _changed(seen: Seen, name: str, before: str = 'clean') -> dict[str, Any]:
    """The share of answers that are others than before."""
    return intervals.mean(np.array([[float(row['answers'][name] != row['answers'][before]) for row in rows
                                   if name in row['answers']] for rows in seen.values()]))


def _stored(run: Run, split: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's predictions of val, and of the split that is shown."""
    from pipelines.core import json_files
    val = json_files.read(run.folder / 'val.json')
    return val, json_files.read(run.tested / 'test.json') if split == 'test' else val
