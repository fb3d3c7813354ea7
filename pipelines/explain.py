"""Look into trained rows: where their answers come from, what they take for what, how their features lie.

    python -m pipelines.explain --work work_dirs/dogs

Reads classify's table and its models, and makes a folder for every row, explain/<row>/:

    explain.json    the numbers
    sheet_*.jpg     Grad-CAM (of a ViT attention rollout, too) of the surest, least sure and wrong answers; features
                    stage by stage; most confused pairs with the nearest images

explain.json: by method the share of a map's energy inside the animal's annotated box, beside the box's share of the
area, over images and seeds; a sanity check, whether maps change when the weights are drawn anew; PCA and t-SNE of the
features with the share of nearest neighbours of the same class, and trustworthiness; most confused pairs.

Every seed of the table is looked into; pictures are of the first. Works on CNN, ViT, Swin, ConvNeXt and timm's models.
Only rows that changed are looked into again; an interrupted one goes on.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipelines.analysis import trained
from pipelines.core import json_files, manifest, shards
from pipelines.core.errors import command
from pipelines.core.workspace import Workspace
from pipelines.openmm.engine import devices
from pipelines.runs import PACKAGES

_SHARD = 16


def explain(one: trained.Trained, out: Path, *, images: int | None = None) -> bool:
    """Look into one row.

    Args:
        out: the result's folder.
        images: at most so many, evenly over the classes.
    Returns:
        whether anything was done.
    Raises:
        InputError: images or models that do not fit.
    """
    def build(folder: Path) -> None:
        from pipelines.analysis import looking, summing
        from pipelines.analysis.subject import chosen, subject
        rows = chosen(one.runs[0], one.split, images)
        seen: dict[int, list[dict[str, Any]]] = {}
        for run in one.runs:
            finished = shards.run(looking.looked_at, rows, (run, one.split), folder / f'.seed{run.seed}', size=_SHARD,
                                  total=len(rows), title=f'explain: {run.name}', engine=shards.Engine(1))
            seen[run.seed] = [row for shard in shards.results(finished) for row in shard]
        first = subject(one.runs[0], one.split)
        captions = looking.write_sheets(folder, first, rows, seen[one.runs[0].seed])
        pairs, more = summing.confused(folder, first, rows, seen[one.runs[0].seed])
        json_files.write(folder / 'explain.json', dict(
            row=one.name, title=one.title, split=one.split, seeds=list(seen), images=len(rows), classes=first.classes,
            of=len(chosen(one.runs[0], one.split, None)), layer=looking.layer_of(first, rows).name, pairs=pairs,
            **summing.numbers(seen), sheets=captions | more))

    return manifest.produce(out, 'explain', dict(one.parameters(), images=images), one.inputs(), build,
                            packages=(*PACKAGES, 'scikit-learn', 'matplotlib'), resume=True,
                            conditions=devices.conditions)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.explain', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    trained.add_arguments(parser, 'explain', 'all of the table')
    args = parser.parse_args(argv)
    out = args.out or Workspace(args.work).root / 'explain'
    for one in trained.rows(args.work, args.rows, args.seeds):
        explain(one, out / one.name, images=args.images)
    print(f'[explain] open {out}; make report shows it')


if __name__ == '__main__':
    sys.exit(main())
