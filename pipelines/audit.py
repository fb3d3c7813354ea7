"""Which labels look wrong: K-fold over train and val, so that every image is judged by models that did not see it.

    python -m pipelines.audit --work work_dirs/dogs --row efficientnet-lite0@square --folds 5
    make audit DATASET=dogs ROW=efficientnet-lite0@square FOLDS=5

Each fold is a training of the row on the other folds; its epoch is chosen on a part of these, never on what it judges.
Images that look the same are held out together. Images of test are compared with the others, and judged by no one.

    --out  index.html          the most suspect labels with pictures, confused pairs, hardest images, near duplicates
           audit.json          the same, every image judged
           metadata.csv        every image, as convert reads it; images -> (link)
           label_studio/       tasks.json interface.xml; unlabelled.json
           fiftyone/           labels.json data.json: a FiftyOneImageDetectionDataset

To correct labels, copy metadata.csv and images (cp -P) into a folder, edit the column label, whose most suspect rows
come first, and convert that: make convert DATASET=dogs-corrected RAW=FOLDER.

--unlabelled FOLDER ranks photographs that nobody has labelled: those first that the trained row (make classify) is
least sure of, to annotate next. Trainings run as those of classify: --jobs, --scheduler; they lie in models/audit/ROW/.
"""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import runs, trainings
from pipelines.analysis import held_out
from pipelines.core import (
    bundle,
    card,
    coco,
    images,
    json_files,
    manifest,
    near_duplicates,
    review,
    rows,
    shards,
    sources,
    suspects,
)
from pipelines.core.arguments import a_seed, whole
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import Workspace

_SHOWN = 60  # suspects with their nearest images, on the page


def audit(work: Path, row: rows.Row, *, count: int = 5, seeds: Sequence[int] = (0,), jobs: int | None = None,
          scheduler: str | None = None, options: Sequence[str] = (), seed: int = 0, unlabelled: Path | None = None
          ) -> Path:
    """Run the analysis.

    Args:
        work: WORK/DATASET.
        row: what judges.
        count: of folds.
        seeds: of the trainings of each fold, whose scores are averaged.
        jobs, scheduler: as for `trainings.do_all`.
        options: ``key=value`` overrides of the config.
        seed: of the draw of folds.
        unlabelled: folder of photographs to rank.
    Returns:
        the result's folder.
    Raises:
        InputError: a row that has seen what it would judge, or data that cannot be cut into so many folds.
    """
    if row.images.generator:
        raise InputError('--row', expected='a row without synthetic images, as their generator has seen all of train',
                         found=row.name, remedy=f'take {row.name.partition("+")[0]}')
    manifest.check_chain(work, 'crop')
    manifest.check_outputs(work / 'crop', row.images.kind)
    space = Workspace(work)
    base = space.model('audit', row.name)
    hashes = held_out.hashes(work, space.model('audit', 'hashes'), shards.Engine(scheduler=scheduler))
    parts = [base / f'{count}-folds' / f'fold{number}' for number in range(1, count + 1)]
    held_out.cut(work, row, parts, hashes, seed)
    todo = [runs.Run(part, row, one, Workspace(part).model('classify', ''), tuple(options))
            for part in parts for one in seeds]
    if not all(run.is_current(tested=True) for run in todo):
        held_out.share_vectors(work, todo)
    trainings.do_all(todo, jobs, scheduler=scheduler)
    out = space.folder('audit', row.name)
    inputs: dict[str, Any] = {f'models/audit/{path.relative_to(space.model("audit", ""))}': path for run in todo
                              for path in (run.tested / 'test.json', run.folder / 'model.pth')}
    inputs |= {f'convert/{split}.json': work / 'convert' / f'{split}.json' for split in coco.SPLITS}
    inputs['models/audit/hashes/hashes.json'] = hashes
    chain = bundle.make(work, row.name) if unlabelled else None
    if chain:
        inputs |= {'unlabelled': unlabelled, f'bundle/{chain.folder.name}/{card.CARD}': chain.folder / card.CARD}

    pictures = os.path.realpath(work / 'convert/images')  # whole, so that it leads there from a copy, too

    def build(folder: Path) -> None:
        from pipelines.reporting import audit_page

        found = _judged(work, row, todo, json_files.read(hashes))
        if unlabelled and chain:
            found['unlabelled'] = _ranked(chain, unlabelled)
        items = _items(work, row, found)
        review.write_table(folder / review.TABLE, items)
        manifest.link(folder / review.IMAGES, pictures)
        review.write(folder, items, found['classes'], row.name)
        if chain:
            json_files.write(folder / 'label_studio/unlabelled.json', review.label_studio_next(
                found['unlabelled'], found['classes'], row.name))
        json_files.write(folder / 'audit.json', found)
        (folder / 'index.html').write_text(audit_page.html(work, found, _SHOWN, unlabelled), encoding='utf-8')

    manifest.produce(out, 'audit', dict(row=row.name, folds=count, seeds=list(seeds), seed=seed,
                                        options=list(options)), inputs, build, packages=runs.PACKAGES, quick=True)
    manifest.link(out / review.IMAGES, pictures)
    return out


def _judged(work: Path, row: rows.Row, todo: Sequence[runs.Run], hashes: dict[str, str]) -> dict[str, Any]:
    """What `audit.json` says."""
    from pipelines.openmm.classify import classification

    judged: list[dict[str, Any]] = []
    labels, scores = [], []
    for part in dict.fromkeys(run.work for run in todo):
        own = [run for run in todo if run.work == part]
        said = [json_files.read(run.tested / 'test.json') for run in own]
        mean = np.mean([one['scores'] for one in said], axis=0)
        others, held = ([*own[0].rows(split)[1]] for split in ('train', 'test'))
        given = np.array(said[0]['label'])
        seen, values = (classification.features(own[0].load(), own[0].folder / 'model.pth',
                                                part / own[0].lists()[split][0]) for split in ('train', 'test'))
        of_others = np.array([one['gt_label'] for one in others])
        suggested = suspects.judge(given, mean).suggested
        near = [suspects.nearest(values, seen, of_others, wanted) for wanted in (given, suggested)]
        for i, one in enumerate(held):
            judged.append(dict(image_id=one['image_id'], img_path=one['img_path'], box=one.get('box'),
                               fold=part.name, nearest=[others[place[i]]['image_id'] if place[i] >= 0 else None
                                                        for place in near]))
        labels.append(given)
        scores.append(mean)
    result = suspects.judge(np.concatenate(labels), np.concatenate(scores))
    for place, one in enumerate(judged):
        one.update(given=int(result.given[place]), suggested=int(result.suggested[place]),
                   p_given=float(result.p_given[place]), p_suggested=float(result.p_suggested[place]),
                   suspicion=float(result.suspicion[place]), flagged=bool(result.flagged[place]),
                   entropy=float(result.entropy[place]))
    order = result.suspects()
    return dict(row=row.name, classes=todo[0].rows('test')[0], folds=len({run.work for run in todo}),
                seeds=sorted({run.seed for run in todo}), accuracy=float((
                    np.concatenate(scores).argmax(axis=1) == result.given).mean()),
                flagged=int(result.flagged.sum()), images=[judged[place] for place in order],
                hardest=[judged[place]['image_id'] for place in result.hardest()[:_SHOWN]],
                pairs=[pair._asdict() for pair in suspects.pairs(result.given, np.concatenate(scores))],
                near_duplicates=_near(work, hashes))


def _near(work: Path, hashes: dict[str, str]) -> list[dict[str, Any]]:
    """Pairs of photographs that look the same, those first that lie in two splits or have two labels."""
    splits = coco.read_splits(work / 'convert')
    place = {image_id: (name, row['category_id']) for name, split in splits.items()
             for image_id, row in split.images.items()}
    ids = list(hashes)
    found = [dict(image_ids=[int(ids[i]), int(ids[j])], bits=bits,
                  splits=place[int(ids[i])][0] != place[int(ids[j])][0],
                  labels=place[int(ids[i])][1] != place[int(ids[j])][1])
             for i, j, bits in near_duplicates.pairs(list(hashes.values()))]
    return sorted(found, key=lambda pair: (not pair['splits'], not pair['labels'], pair['bits']))


def _ranked(trained: bundle.Bundle, folder: Path) -> list[dict[str, Any]]:
    """Animals on unlabelled photographs, those first that the trained row is least sure of; a photograph that looks
    like one before it comes after all others."""
    from pipelines.openmm.chain.chain import Chain, windows

    chain = Chain(trained)
    found: list[dict[str, Any]] = []
    failures, hashes = 0, list[str]()
    files = sources.find([str(folder)])

    def pictures() -> Any:
        nonlocal failures
        for source in files:
            try:
                yield source, images.read(source.path)
            except InputError:
                failures += 1

    for window in windows(pictures()):
        for (source, picture), animals in zip(window, chain([picture for _, picture in window])):
            place = len(hashes)
            hashes.append(near_duplicates.hashed(picture.pixels))
            for animal in animals:
                found.append(dict(file=source.name, box=list(animal.found.xyxy), size=list(picture.size), place=place,
                                  entropy=float(suspects.entropy(animal.scores)), best=int(animal.scores.argmax()),
                                  confidence=float(animal.scores.max())))
    copies = {i for same in near_duplicates.sets(hashes) for i in sorted(same, key=lambda i: -max(
        (one['entropy'] for one in found if one['place'] == i), default=0))[1:]}
    found.sort(key=lambda one: (one['place'] in copies, -one['entropy']))
    if failures:
        print(f'[audit] {failures} of {len(files)} unlabelled photographs cannot be read')
    return [dict(one, copy=one.pop('place') in copies) for one in found]


def _items(work: Path, row: rows.Row, found: dict[str, Any]) -> list[review.Item]:
    """Every image of the dataset, with what was found."""
    splits = coco.read_splits(work / 'convert')
    files = {image_id: image['file_name'] for split in splits.values() for image_id, image in split.images.items()}
    judged = {one['image_id']: (rank, one) for rank, one in enumerate(found['images'], start=1)}
    items = []
    for name, split in splits.items():
        labels = {category['id']: label for label, category in enumerate(split.categories)}
        for image_id, image in split.images.items():
            rank, one = judged.get(image_id, (0, None))
            said = {} if one is None else dict(zip(review.FOUND, (
                rank, found['classes'][one['suggested']], one['suspicion'], one['p_given'], one['p_suggested'],
                one['flagged'], *(files.get(other, '') for other in one['nearest']))))
            items.append(review.Item(
                image_id, image['file_name'], (image['width'], image['height']),
                found['classes'][labels[image['category_id']]], name,
                [annotation['bbox'] for annotation in split.annotations.get(image_id, [])],
                one['box'] if one else None, said))
    return items


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.audit', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK/DATASET, whose crop stage has run')
    parser.add_argument('--row', required=True, metavar='RECIPE@IMAGES', help='of the table: what judges')
    parser.add_argument('--folds', type=whole(1), default=5, help='(default: 5)')
    parser.add_argument('--seeds', type=a_seed, nargs='+', default=[0], help='of each fold, averaged (default: 0)')
    parser.add_argument('--unlabelled', type=Path, metavar='FOLDER', help='photographs to rank')
    parser.add_argument('--jobs', type=whole(1),
                        help='trainings at the same time (default: one per GPU, else one per CPU)')
    parser.add_argument('--scheduler', metavar='ADDRESS', help='train on a Dask cluster instead: tcp://host:8786')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides of the config')
    args = parser.parse_args(argv)
    if args.folds < 2:
        raise InputError('--folds', expected='2 or more', found=str(args.folds), remedy='the usual number is 5')
    out = audit(args.work, rows.Row.parse(args.row), count=args.folds, seeds=args.seeds, jobs=args.jobs,
                scheduler=args.scheduler, options=args.cfg_options, unlabelled=args.unlabelled)
    found = json_files.read(out / 'audit.json')
    print(f'[audit] {found["flagged"]} of {len(found["images"])} labels are suspect; open {out / "index.html"}')


if __name__ == '__main__':
    sys.exit(main())
