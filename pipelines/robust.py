"""Attack trained rows, and measure what else can go wrong: a robustness card for every row.

    python -m pipelines.robust --work work_dirs/dogs --images 64

Reads classify's table and its models, and makes a folder for every row, robust/<row>/, with card.json. Its parts:

    attacks      FGSM, PGD (Linf, L2) and AutoAttack in [0, 1], radii 1, 2, 4, 8 / 255: accuracy and macro F1 with
                 intervals, and signs that gradients are masked
    corruptions  15 common ones (noise, blur, weather, digital) by severity
    calibration  ECE with its floor, Brier score, NLL, reliability; the temperature is fitted on val
    shift        answers that change as the window moves by one pixel
    bands        which detail sizes the row lives on: noise of one octave at a time
    background   the animal or its surroundings greyed, blurred, exchanged between classes
    certified    of rows that were trained with noise: randomised smoothing
    lipschitz    bounds of the slope, from below and from above

--effort laptop tries a part of AutoAttack and 3 of 5 severities on at most 64 images; full does everything on all. The
card says how many images of how many. float32 whatever a recipe's ``speed`` says. An interrupted run goes on.
"""
from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.analysis import trained
from pipelines.core import json_files, manifest
from pipelines.core.errors import command, some_of
from pipelines.core.workspace import Workspace
from pipelines.openmm.engine import devices
from pipelines.runs import PACKAGES

if TYPE_CHECKING:
    from pipelines.analysis.card import Effort

_PARTS = ('attacks', 'corruptions', 'calibration', 'shift', 'bands', 'background', 'certified', 'lipschitz')


def robust(one: trained.Trained, out: Path, effort: Effort, parts: tuple[str, ...] = _PARTS) -> bool:
    """Make one row's card.

    Args:
        out: the result's folder.
        effort: how much is tried.
        parts: of the card.
    Returns:
        whether anything was done.
    Raises:
        InputError: images or models that do not fit.
    """
    def build(folder: Path) -> None:
        from pipelines.analysis.card import Card
        from pipelines.analysis.subject import chosen
        card = Card(one, folder, effort)
        content: dict[str, Any] = dict(
            row=one.name, title=one.title, split=one.split, seeds=[run.seed for run in one.runs],
            classes=len(card.first.classes), images=len(card.rows), of=len(chosen(one.runs[0], one.split, None)))
        for part in _PARTS:
            content[part] = getattr(card, part)() if part in parts else None
        json_files.write(folder / 'card.json', content)

    inputs = one.inputs()
    for run in one.runs:
        inputs[f'models/classify/{run.name}/val.json'] = run.folder / 'val.json'
        if one.split == 'test':
            inputs[f'models/tested/{run.name}/test.json'] = run.tested / 'test.json'
    said = dict(one.parameters(), parts=','.join(parts), effort=effort.parameters())
    return manifest.produce(out, 'robust', said, inputs, build, resume=True, conditions=devices.conditions,
                            packages=(*PACKAGES, 'pyautoattack', 'imagecorruptions-imaug', 'scipy'))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.robust', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    trained.add_arguments(parser, 'robust', 'the first of the table; all of it with --effort full')
    parser.add_argument('--effort', choices=('laptop', 'full'), default='laptop', help='(default: laptop)')
    parser.add_argument('--parts', default=','.join(_PARTS), help=f'of the card (default: {",".join(_PARTS)})')
    args = parser.parse_args(argv)
    parts = tuple(some_of('--parts', args.parts, _PARTS))
    out = args.out or Workspace(args.work).root / 'robust'
    rows = trained.rows(args.work, args.rows, args.seeds, None if args.effort == 'full' else 1)
    from pipelines.analysis.card import EFFORTS
    effort = EFFORTS[args.effort]
    if args.images:
        effort = replace(effort, images=args.images)
    for one in rows:
        robust(one, out / one.name, effort, parts)
    print(f'[robust] open {out}; make report shows it')


if __name__ == '__main__':
    sys.exit(main())
