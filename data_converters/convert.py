"""Convert a raw dataset to COCO: train.json, val.json, test.json.

    python -m data_converters.convert --dataset dogs --raw /data/StanfordDogs --out work_dirs/dogs/convert
    python -m data_converters.convert --dataset cub  --raw /data/CUB_200_2011 --out work_dirs/cub/convert

RAW holds the unpacked dataset, or the official archives (images.tar, annotation.tar, lists.tar; CUB_200_2011.tgz),
which are unpacked into OUT/raw. Train and test are the official ones; val is held out of train, class by class. Boxes
are cut at the image's border; one that has no area left is dropped. Both are counted in summary.txt and summary.json.
An image that is damaged, or whose XML is, is left out and listed in quarantine.json; a missing file is an error.

Every image carries its fine class (`category_id`), every category its super-class (`supercategory`: dog or bird), so a
detector can be trained for either. OUT/images links to the raw images.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from data_converters import cub, stanford_dogs
from data_converters.records import Entry, Index, Record
from data_converters.splits import check_index, hold_out, with_images
from pipelines.core import boxes, coco, images, json_files, manifest, quarantine, shards
from pipelines.core.errors import DamagedError, InputError, command

READERS: dict[str, ModuleType] = {'dogs': stanford_dogs, 'cub': cub, 'toy-dogs': stanford_dogs, 'toy-birds': cub}
_SHARD = 1000  # images
_ALONE = 30_000  # images, whose headers are read before other processes have started


def to_coco(records: list[Record], categories: list[dict]) -> tuple[dict, dict[str, int], list[dict]]:
    """COCO instances of one split, built by sahi, with boxes cut at the image's border.

    Returns:
        the COCO content; counts (images, boxes, boxes_annotated, multi_object, clipped, dropped_boxes); dropped boxes
        as rows of file and reason.
    """
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    from sahi.utils.coco import Coco, CocoImage

    from data_converters.sahi_box import BoxAnnotation

    out = Coco(image_id_setting='manual')
    out.add_categories_from_coco_category_list(categories)
    annotated = [len(record.xyxy) for record in records]
    raw = np.concatenate([np.empty((0, 4)), *(record.xyxy for record in records)])
    inside = boxes.clip(raw, np.repeat(np.array([record.size for record in records]).reshape(-1, 2), annotated, axis=0))
    columns = zip(raw.tolist(), (raw != inside).any(axis=1).tolist(), boxes.area(inside).tolist(),
                  boxes.xyxy_to_xywh(inside).tolist())
    clipped, dropped = 0, []
    for record, count in zip(records, annotated):
        image = CocoImage(record.file, record.size[1], record.size[0], record.id)
        category = categories[record.label]
        for box, is_cut, area, xywh in itertools.islice(columns, count):
            if area <= 0:
                dropped.append(dict(file=record.source, reason=f'box {box} (xyxy) has no area inside the '
                                                               f'{record.size[0]} x {record.size[1]} image'))
                continue
            clipped += is_cut
            image.add_annotation(BoxAnnotation(category['id'], category['name'], xywh))
        out.add_image(image)
    content = out.json
    Image.MAX_IMAGE_PIXELS = limit  # sahi switches Pillow's decompression-bomb guard off
    content['categories'] = categories
    for row, record in zip(content['images'], records):
        row['category_id'] = record.label + 1
    counts = dict(images=len(records), boxes=len(content['annotations']), boxes_annotated=len(raw),
                  multi_object=sum(count > 1 for count in annotated), clipped=clipped,
                  dropped_boxes=len(dropped), quarantined=0)
    return content, counts, dropped


def _read_back(content: dict) -> None:
    """Let pycocotools index what will be written: it must find all of it."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        found = COCO()
        found.dataset = content
        found.createIndex()
    read = [len(found.getImgIds()), len(found.getAnnIds())]
    written = [len(content['images']), len(content['annotations'])]
    if read != written:
        raise RuntimeError(f'pycocotools finds {read} (images, annotations), not the {written} to be written')


def _shard(entries: list[Entry], dataset: str, root: Path, categories: list[dict], annotation_only: bool, verify: bool,
           strict: bool) -> dict:
    """By split, the COCO rows (as JSON; annotations without an id) and counts of a few images; and their quarantine."""
    reader, records = READERS[dataset], {split: [] for split in coco.SPLITS}
    damaged: list[dict] = []
    for entry in entries:
        try:
            record = reader.record(root, entry, annotation_only)
            if verify and not annotation_only:
                images.decode(root / reader.IMAGES / entry.file)
        except DamagedError as error:
            if strict:
                raise
            damaged.append(quarantine.row(entry.file, entry.split, error, root))
        else:
            records[entry.split].append(record)
    done = {}
    for split, part in records.items():
        content, counts, dropped = to_coco(part, categories)
        _read_back(content)
        for row in content['annotations']:
            del row['id']  # they are numbered through when the shards are put together
        done[split] = dict(counts=counts, dropped=dropped, **{
            key: [json_files.dumps(row) for row in content[key]] for key in ('images', 'annotations')})
    return dict(splits=done, quarantined=damaged, trained=[record.label for record in records['train']],
                rescaled=[record.rescaled for part in records.values() for record in part if record.rescaled])


def _write_splits(folder: Path, categories: list[dict], finished: list[Path]) -> None:
    """The COCO files, with annotations numbered through."""
    numbers = {split: itertools.count(1) for split in coco.SPLITS}
    with contextlib.ExitStack() as stack:
        append = {split: stack.enter_context(json_files.writing_lists(
            folder / f'{split}.json', ('categories', 'images', 'annotations'))) for split in coco.SPLITS}
        for split, row in itertools.product(coco.SPLITS, map(json_files.dumps, categories)):
            append[split]('categories', row)
        for key in ('images', 'annotations'):  # shards are read for each, as a million rows are not held
            for shard in shards.results(finished):
                for split, part in shard['splits'].items():
                    for row in part[key]:
                        append[split](key, row if key == 'images' else f'{{"id": {next(numbers[split])}, {row[1:]}')


def _table(summary: dict) -> str:
    columns = ('images', 'boxes', 'boxes_annotated', 'multi_object', 'clipped', 'dropped_boxes', 'quarantined')
    total = {key: sum(counts[key] for counts in summary['splits'].values()) for key in columns}
    lines = [f'{summary["dataset"]}: {summary["classes"]} classes'
             + (', annotations only' if summary['annotation_only'] else ''),
             f'{"":6}' + ''.join(f'{key:>16}' for key in columns)]
    lines += [f'{name:6}' + ''.join(f'{counts[key]:>16,}' for key in columns)
              for name, counts in [*summary['splits'].items(), ('total', total)]]
    lines += [f'dropped: {row["file"]}: {row["reason"]}' for row in summary['dropped']]
    lines += [f'rescaled: {row}' for row in summary['rescaled']]
    return '\n'.join(lines) + '\n'


def _write(dataset: str, index: Index, finished: list[Path], annotation_only: bool, folder: Path) -> None:
    """Put the shards together."""
    categories = _categories(index)
    summary: dict = dict(dataset=dataset, classes=len(categories), splits={split: Counter() for split in coco.SPLITS},
                         dropped=[], rescaled=[], annotation_only=annotation_only)
    damaged, trained = [], np.zeros(len(categories), int)
    for shard in shards.results(finished):
        for split, part in shard['splits'].items():
            summary['splits'][split].update(part['counts'])
            summary['dropped'] += part['dropped']
        trained += np.bincount(shard['trained'], minlength=len(trained))
        for row in shard['quarantined']:
            summary['splits'][row['split']]['quarantined'] += 1
            damaged.append(row)
        summary['rescaled'] += shard['rescaled']
    quarantine.write(folder, len(index.files), damaged)
    if empty := [split for split, counts in summary['splits'].items() if not counts['images']]:
        raise InputError(quarantine.NAME, expected='an undamaged image in every split', found=f'none in {empty[0]}',
                         remedy='replace the damaged images; the first is ' + damaged[0]['file'])
    if not trained.all():
        name = categories[int(trained.argmin())]['name']
        raise InputError(quarantine.NAME, expected='an undamaged training image of every class',
                         found=f'none of {name}',
                         remedy=f'replace the damaged images; the first is {damaged[0]["file"]}')
    _write_splits(folder, categories, finished)
    json_files.write(folder / 'summary.json', summary)
    (folder / 'summary.txt').write_text(_table(summary), encoding='utf-8')
    print(_table(summary), end='')


def _categories(index: Index) -> list[dict]:
    return [dict(id=number, **row) for number, row in enumerate(index.categories, start=1)]


def convert(dataset: str, raw: Path, out: Path, *, annotation_only: bool = False, verify: bool = False,
            val_share: float = 0.1, seed: int = 0, strict: bool = False, max_bad: float = 0.01,
            engine: shards.Engine | None = None) -> bool:
    """Convert a raw dataset to COCO.

    Args:
        dataset: a key of `READERS`.
        raw: folder of the unpacked dataset or of its official archives.
        out: folder to write, see docs/formats.md.
        annotation_only: do without images (dogs only); sizes come from the XML.
        verify: decode every image, to find the damaged ones now; otherwise only headers are read.
        val_share: share of every class's training images held out as val, at least one image.
        seed: of the choice of val.
        strict, max_bad: see `quarantine.settle`.
        engine: who works; None: a process per CPU, or this one alone where that is sooner done.
    Returns:
        whether anything was written (False: up to date).
    """
    if dataset not in READERS:
        raise InputError('--dataset', expected=' or '.join(READERS), found=dataset, remedy='choose one of these')
    if not 0 < val_share <= 0.5:
        raise InputError('--val-share', expected='a share above 0, up to 0.5', found=str(val_share),
                         remedy='choose a share in that range')
    reader = READERS[dataset]
    found = reader.sources(raw, annotation_only)
    packed = all(path.is_file() for path in found.values())
    # relative to the final folder; the staging folder lies beside it, so the link holds in both
    target = None if packed or annotation_only else os.path.relpath(
        found[reader.IMAGES].resolve(), out.absolute().parent.resolve() / out.name)

    def build(folder: Path) -> None:
        root = (reader.unpack(found, folder / 'raw') if packed else next(iter(found.values())).parent).absolute()
        index = reader.index(root, annotation_only)
        check_index(index)
        index = with_images(index)
        entries = index.entries(hold_out(index.labels, index.test, val_share, seed))
        who = engine or shards.Engine()
        if who.workers is None and not verify and len(index.files) < _ALONE:
            who = replace(who, workers=1)
        finished = shards.run(_shard, entries, (dataset, root, _categories(index), annotation_only, verify, strict),
                              folder / '.shards', size=_SHARD, total=len(index.files), title='convert', engine=who)
        _write(dataset, index, finished, annotation_only, folder)
        if not annotation_only:
            manifest.link(folder / 'images', target or os.path.relpath(root / reader.IMAGES, folder))

    parameters = dict(dataset=dataset, annotation_only=annotation_only, verify=verify, val_share=val_share, seed=seed)
    built = manifest.produce(out, 'convert', parameters, found, build, resume=True,
                             packages=('pillow', 'pycocotools', 'sahi', 'simplejpeg'))
    if target:
        manifest.link(out / 'images', target)
    quarantine.settle(out, 'convert', max_bad=max_bad, strict=strict)
    return built


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('data_converters.convert', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dataset', required=True, help=', '.join(READERS))
    parser.add_argument('--raw', type=Path, required=True, help='the raw dataset (RAW)')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--annotation-only', action='store_true', help='convert without images (dogs)')
    parser.add_argument('--val-share', type=float, default=0.1, help='of every class\'s train images; default: 0.1')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of val; default: 0')
    parser.add_argument('--verify', action='store_true', help='decode every image, not its header alone')
    shards.add_arguments(parser)
    quarantine.add_arguments(parser)
    args = parser.parse_args(argv)
    convert(args.dataset, args.raw, args.out, annotation_only=args.annotation_only, verify=args.verify,
            val_share=args.val_share, seed=args.seed, strict=args.strict, max_bad=args.max_bad,
            engine=shards.Engine(args.workers, args.scheduler))


if __name__ == '__main__':
    sys.exit(main())
