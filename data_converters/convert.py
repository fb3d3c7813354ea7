"""Convert a raw dataset to COCO: train.json, val.json, test.json.

    python -m data_converters.convert --dataset dogs      --raw /data/StanfordDogs  --out work_dirs/dogs/convert
    python -m data_converters.convert --dataset mushrooms --raw /data/my_mushrooms  --out work_dirs/mushrooms/convert

RAW's layout is recognised and said; --layout forces one of these:

{shapes}

Stanford Dogs and CUB may also be their official archives, which are unpacked into OUT/raw. Train, val and test are
those that the dataset gives; a test that is not given is 20 % of each class, then a val that is not given --val-share
of each class's train, both by the seed, whole groups and files of the same bytes together: see OUT/splits.csv.

Boxes are cut at the image's border; one that has no area left is dropped. Without boxes the COCO files have no
annotations. What is damaged is left out and listed in quarantine.json; the same bytes in two splits or under two labels
are refused, and of an official set listed in duplicates.json, as are, with --verify, images that look the same (bursts,
copies of other size or quality). A missing file is an error.

Every image carries its fine class (`category_id`), every category its super-class (`supercategory`: dog, bird, or
--super), so a detector can be trained for either. OUT/images links to the raw images.
"""
from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_converters import duplicates, evidence, planning, registry, splits
from data_converters.coco_out import read_back, table, to_coco, write_splits
from data_converters.planning import Options, Plan
from data_converters.reader import Reader
from data_converters.records import Entry, Record, Row
from pipelines.core import coco, images, json_files, manifest, near_duplicates, quarantine, shards
from pipelines.core.arguments import a_seed, a_share
from pipelines.core.errors import DamagedError, InputError, command

_SHARD = 1000  # images
_NAMED = 5  # classes
_ALONE = 30_000  # images, whose headers are read before other processes have started
_NAME = re.compile(r'[^\W_][\w.-]{0,63}')


def _shard(entries: list[Entry], options: Options, root: Path, categories: list[Row], strict: bool) -> Row:
    """By split, the COCO rows (as JSON; annotations without an id) and counts of a few images; and their quarantine."""
    reader = registry.READERS[options.layout]
    records: dict[str, list[Record]] = {split: [] for split in coco.SPLITS}
    folder = root / reader.images
    damaged: list[Row] = []
    hashes: dict[int, str] = {}
    for entry in entries:
        try:
            record = reader.record(root, entry, options.annotation_only)
            if options.verify and not options.annotation_only:
                hashes[entry.id] = near_duplicates.hashed(images.decode(folder / entry.file))
        except DamagedError as error:
            if strict:
                raise
            damaged.append(quarantine.row(entry.file, entry.split, error, root))
        else:
            if options.box_frame == 'stored':
                record = evidence.turned_to_view(record, entry.size == (1, 1))
            records[entry.split].append(record if options.box_frame is None else record._replace(turned=1))
    done = {}
    for split, part in records.items():
        content, counts, dropped = to_coco(part, categories)
        read_back(content)
        for row in content['annotations']:
            del row['id']  # they are numbered through when the shards are put together
        done[split] = dict(counts=counts, dropped=dropped, **{
            key: [json_files.dumps(row) for row in content[key]] for key in ('images', 'annotations')})
    every = [record for part in records.values() for record in part]
    return dict(splits=done, quarantined=damaged, trained=[record.label for record in records['train']],
                hashes=list(hashes.items()), evidence=evidence.counted(every),
                rescaled=[record.rescaled for record in every if record.rescaled])


def _write(plan: Plan, reader: Reader, finished: list[Path], options: Options, folder: Path) -> None:
    """Put the shards together."""
    categories = plan.categories
    some = [row['name'] for row in categories[:_NAMED]] + ['...'] * (len(categories) > _NAMED)
    summary: Row = dict(dataset=options.dataset, layout=options.layout, classes=len(categories), class_names=some,
                         splits={split: Counter() for split in coco.SPLITS}, drawn=plan.drawn, boxes=False,
                         dropped=[], rescaled=[], duplicates=len(plan.twice), annotation_only=options.annotation_only)
    damaged: list[Row] = []
    hashes: dict[int, str] = {}
    trained, found = np.zeros(len(categories), int), Counter[str]()
    for shard in shards.results(finished):
        for split, part in shard['splits'].items():
            summary['splits'][split].update(part['counts'])
            summary['dropped'] += part['dropped']
        trained += np.bincount(shard['trained'], minlength=len(trained))
        for row in shard['quarantined']:
            summary['splits'][row['split']]['quarantined'] += 1
            damaged.append(row)
        summary['rescaled'] += shard['rescaled']
        found.update(shard['evidence'])
        hashes.update(shard['hashes'])
    quarantine.write(folder, len(plan.index.files), damaged)
    _check_left(summary, damaged, [categories[i]['name'] for i in np.flatnonzero(trained == 0)], folder)
    near = duplicates.near(plan.index, plan.splits, hashes, plan.twice)
    duplicates.write(folder, [*plan.twice, *near], refuse=not reader.benchmark)
    summary['near_duplicates'] = len(near) if hashes else None
    summary['remarks'] = evidence.judged(found, reader, plan.root / plan.index.source)
    summary['boxes'] = any(counts['boxes'] for counts in summary['splits'].values())
    splits.write(folder / splits.NAME, plan.index, plan.splits)
    write_splits(folder, options.dataset, categories, finished)
    json_files.write(folder / 'summary.json', summary)
    (folder / 'summary.txt').write_text(table(summary), encoding='utf-8')
    print(table(summary), end='')


def _check_left(summary: Row, damaged: Sequence[Row], untrained: Sequence[str], folder: Path) -> None:
    """What is not damaged still makes a dataset."""
    empty = [split for split, counts in summary['splits'].items() if not counts['images']]
    for lost, expected in ((empty, 'an undamaged image in every split'),
                           (untrained, 'an undamaged training image of every class')):
        if lost:
            rows = [row for row in damaged if row['split'] == lost[0]] or damaged
            raise InputError(folder / quarantine.NAME, expected=expected,
                             found=f'none {"in" if empty else "of"} {lost[0]}',
                             remedy=f'mend what all of them have; the first is {rows[0]["file"]}: {rows[0]["reason"]}')


def convert(dataset: str, raw: Path, out: Path, *, layout: str | None = None, species: str | None = None,
            annotation_only: bool = False, verify: bool = False, val_share: float = 0.1, seed: int = 0,
            box_frame: str | None = None, subset: bool = False, strict: bool = False, max_bad: float = 0.01,
            engine: shards.Engine | None = None) -> bool:
    """Convert a raw dataset to COCO.

    Args:
        dataset: any word that a folder can be named.
        raw: folder of the dataset, or of the official archives of Stanford Dogs or CUB.
        out: folder to write, see docs/formats.md.
        layout: a key of `registry.READERS`; None: as recognised.
        species: super-class of all classes; None: the reader's.
        annotation_only: do without images (dogs only); sizes come from the XML.
        verify: decode every image, to find the damaged ones now; otherwise only headers are read.
        val_share: share of every class's training images held out as val, at least one image.
        seed: of the choice of test and val.
        box_frame: of boxes of images that EXIF turns, where nothing else says it: shown or stored.
        subset: images that no list names are left out on purpose.
        strict, max_bad: see `quarantine.settle`; strict refuses duplicates of official sets and near ones, too.
        engine: who works; None: a process per CPU, or this one alone where that is sooner done.
    Returns:
        whether anything was written (False: up to date).
    """
    _check(dataset, species, val_share, box_frame)
    reader = registry.chosen(dataset, raw, layout)
    print(f'[convert] layout {reader.layout}{"" if layout else " (recognised; LAYOUT= forces another)"}: '
          f'{reader.shape}')
    options = Options(dataset, reader.layout, species, annotation_only, verify, val_share, seed, box_frame)
    root, archives = reader.locate(raw, annotation_only)
    plan = None if archives else planning.planned(reader, root.absolute(), options, subset)
    # relative to the final folder; the staging folder lies beside it, so the link holds in both
    target = None if plan is None or annotation_only else os.path.relpath(
        (root / reader.images).resolve(), out.absolute().parent.resolve() / out.name)

    def build(folder: Path) -> None:
        here = plan or planning.planned(reader, reader.unpack(archives, folder / 'raw').absolute(), options, subset)
        who = engine or shards.Engine()
        if who.workers is None and not verify and len(here.index.files) < _ALONE:
            who = replace(who, workers=1)
        finished = shards.run(_shard, here.index.entries(here.splits), (options, here.root, here.categories, strict),
                              folder / '.shards', size=_SHARD, total=len(here.index.files), title='convert', engine=who)
        _write(here, reader, finished, options, folder)
        if not annotation_only:
            manifest.link(folder / 'images', target or os.path.relpath(here.root / reader.images, folder))

    inputs = archives if plan is None else planning.inputs(reader, plan, options)
    parameters = {'super' if key == 'species' else key: value for key, value in vars(options).items()}
    parameters |= dict(subset=subset)
    built = manifest.produce(out, 'convert', parameters, inputs, build, resume=True,
                             packages=('imagehash', 'pillow', 'pycocotools', 'sahi', 'simplejpeg'))
    if target:
        manifest.link(out / 'images', target)
    quarantine.settle(out, 'convert', max_bad=max_bad, strict=strict)
    duplicates.settle(out, strict=strict)
    return built


def _check(dataset: str, species: str | None, val_share: float, box_frame: str | None) -> None:
    for option, value, remedy in (('--dataset', dataset, 'choose such a word: results go into a folder of that name'),
                                  ('--super', species, 'choose such a word, as dog, bird, mushroom')):
        if value is not None and not _NAME.fullmatch(value):
            raise InputError(option, expected='a word of letters, digits, - and _', found=repr(value), remedy=remedy)
    if not 0 < val_share <= 0.5:
        raise InputError('--val-share', expected='a share above 0, up to 0.5', found=str(val_share),
                         remedy='choose a share in that range')
    evidence.check_frame(box_frame)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('data_converters.convert', formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__.replace('{shapes}', registry.shapes()))
    parser.add_argument('--dataset', required=True, help='a name for it, any word')
    parser.add_argument('--raw', type=Path, required=True, help='the raw dataset (RAW)')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--layout', choices=registry.READERS, metavar='LAYOUT',
                        help='of RAW, see above; default: recognised')
    parser.add_argument('--super', dest='species', metavar='WORD', help='what all classes are: dog, bird, '
                        'mushroom, ...; default: the layout\'s, or object')
    parser.add_argument('--annotation-only', action='store_true', help='convert without images (dogs)')
    parser.add_argument('--val-share', type=a_share, default=0.1, help='of every class\'s train images; default: 0.1')
    parser.add_argument('--seed', type=a_seed, default=0, help='of the choice of test and val; default: 0')
    parser.add_argument('--box-frame', choices=evidence.FRAMES, help='of boxes of images that EXIF turns: '
                        'as a viewer shows them, or as their pixels are stored')
    parser.add_argument('--subset', action='store_true', help='leave out images that no list names')
    parser.add_argument('--verify', action='store_true', help='decode every image, not its header alone, and look '
                        'for near duplicates')
    shards.add_arguments(parser)
    quarantine.add_arguments(parser)
    args = vars(parser.parse_args(argv))
    engine = shards.Engine(args.pop('workers'), args.pop('scheduler'))
    convert(**args, engine=engine)


if __name__ == '__main__':
    sys.exit(main())
