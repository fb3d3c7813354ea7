"""Convert a raw dataset to COCO: train.json, val.json, test.json.

    python -m data_converters.convert --dataset dogs --raw /data/StanfordDogs --out work_dirs/dogs/convert
    python -m data_converters.convert --dataset cub  --raw /data/CUB_200_2011 --out work_dirs/cub/convert

RAW holds the unpacked dataset, or the official archives (images.tar, annotation.tar, lists.tar; CUB_200_2011.tgz),
which are unpacked into OUT/raw. Train and test are the official ones; val is held out of train, class by class. Boxes
are cut at the image's border; one that has no area left is dropped. Both are counted in summary.txt and summary.json.

Every image carries its fine class (`category_id`), every category its super-class (`supercategory`: dog or bird), so a
detector can be trained for either. OUT/images links to the raw images.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from data_converters import cub, stanford_dogs
from data_converters.records import RawDataset, Record
from pipelines.core import boxes, manifest
from pipelines.core.errors import InputError, command

READERS: dict[str, ModuleType] = {'dogs': stanford_dogs, 'cub': cub, 'toy-dogs': stanford_dogs, 'toy-birds': cub}


def hold_out(records: list[Record], share: float, seed: int) -> dict[str, list[Record]]:
    """Split records into train, val and test: of every class, ``share`` of its training images, at least 1, go to val.

    The legacy ``RandomState`` is the one NumPy generator whose stream is frozen for good, on every platform.

    Raises:
        InputError: a class with fewer than 2 training images, or none at all.
    """
    test = [record for record in records if record.split == 'test']
    splits: dict[str, list[Record]] = dict(train=[], val=[], test=test)
    random = np.random.RandomState(seed)
    by_label: dict[int, list[Record]] = {}
    for record in records:
        if record.split == 'train':
            by_label.setdefault(record.label, []).append(record)
    for label in sorted({record.label for record in records}):
        members = by_label.get(label, [])
        if len(members) < 2:
            raise InputError('the official split', expected='at least 2 training images of every class',
                             found=f'{len(members)} of class {label + 1}', remedy='add images, or take the class out')
        order = random.permutation(len(members))
        count = max(1, round(share * len(members)))
        splits['val'] += [members[i] for i in order[:count]]
        splits['train'] += [members[i] for i in order[count:]]
    return {split: sorted(rows, key=lambda record: record.id) for split, rows in splits.items()}


def check_records(records: list[Record]) -> None:
    """Every image is there once, by its name without the extension (the name of its crops), and some are for testing.

    Raises:
        InputError: names both records; or no test image.
    """
    if not any(record.split == 'test' for record in records):
        raise InputError('the official split', expected='test images', found='none',
                         remedy='mark some images as test images in the official list')
    seen: dict[str, Record] = {}
    for record in records:
        other = seen.setdefault(os.path.splitext(record.file)[0], record)
        if other is not record:
            raise InputError(record.source, expected='every image once', remedy='take one of the two out of the lists',
                             found=f'{record.file} (image {record.id}, {record.split}) after {other.file} '
                                   f'(image {other.id}, {other.split})')


def with_images(raw: RawDataset) -> RawDataset:
    """Without the classes that no image has, as in a subset of CUB with the complete ``classes.txt``."""
    used = sorted({record.label for record in raw.records})
    if len(used) < len(raw.categories):
        print(f'{len(raw.categories) - len(used)} of {len(raw.categories)} classes have no image and are left out')
    label = {old: new for new, old in enumerate(used)}
    return replace(raw, categories=[raw.categories[i] for i in used],
                   records=[replace(record, label=label[record.label]) for record in raw.records])


def to_coco(records: list[Record], categories: list[dict]) -> tuple[dict, dict[str, int], list[dict]]:
    """COCO instances of one split, built by sahi, with boxes cut at the image's border.

    Returns:
        the COCO content; counts (images, boxes, boxes_annotated, multi_object, clipped, dropped_boxes); dropped boxes
        as rows of file and reason.
    """
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    from sahi.utils.coco import Coco, CocoAnnotation, CocoImage

    out = Coco(image_id_setting='manual')
    out.add_categories_from_coco_category_list(categories)
    clipped, dropped = 0, []
    for record in records:
        image = CocoImage(record.file, record.size[1], record.size[0], record.id)
        inside = boxes.clip(record.xyxy, record.size)
        for raw, box, area, xywh in zip(record.xyxy, inside, boxes.area(inside), boxes.xyxy_to_xywh(inside).tolist()):
            if area <= 0:
                dropped.append(dict(file=record.source, reason=f'box {raw.tolist()} (xyxy) has no area inside the '
                                                               f'{record.size[0]} x {record.size[1]} image'))
                continue
            clipped += bool((raw != box).any())
            category = categories[record.label]
            image.add_annotation(CocoAnnotation(category['id'], category['name'], bbox=xywh))
        out.add_image(image)
    content = out.json
    Image.MAX_IMAGE_PIXELS = limit  # sahi switches Pillow's decompression-bomb guard off
    content['categories'] = categories
    for row, record in zip(content['images'], records):
        row['category_id'] = record.label + 1
    annotated = sum(len(record.xyxy) for record in records)
    counts = dict(images=len(records), boxes=len(content['annotations']), boxes_annotated=annotated,
                  multi_object=sum(len(record.xyxy) > 1 for record in records), clipped=clipped,
                  dropped_boxes=len(dropped))
    return content, counts, dropped


def _read_back(path: Path, counts: dict[str, int]) -> None:
    """Let pycocotools index the file: what it finds must be what was written."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        found = COCO(str(path))
    read, written = (len(found.getImgIds()), len(found.getAnnIds())), (counts['images'], counts['boxes'])
    if read != written:
        raise RuntimeError(f'{path}: pycocotools finds {read} (images, boxes), not the {written} written')


def _table(summary: dict) -> str:
    columns = ('images', 'boxes', 'boxes_annotated', 'multi_object', 'clipped', 'dropped_boxes')
    total = {key: sum(counts[key] for counts in summary['splits'].values()) for key in columns}
    lines = [f'{summary["dataset"]}: {summary["classes"]} classes'
             + (', annotations only' if summary['annotation_only'] else ''),
             f'{"":6}' + ''.join(f'{key:>16}' for key in columns)]
    lines += [f'{name:6}' + ''.join(f'{counts[key]:>16,}' for key in columns)
              for name, counts in [*summary['splits'].items(), ('total', total)]]
    lines += [f'dropped: {row["file"]}: {row["reason"]}' for row in summary['dropped']]
    lines += [f'rescaled: {row}' for row in summary['rescaled']]
    return '\n'.join(lines) + '\n'


def _write(dataset: str, raw: RawDataset, share: float, seed: int, folder: Path) -> None:
    check_records(raw.records)
    raw = with_images(raw)
    categories = [dict(id=number, **row) for number, row in enumerate(raw.categories, start=1)]
    summary = dict(dataset=dataset, classes=len(categories), splits={}, dropped=[], rescaled=raw.rescaled,
                   annotation_only=raw.images is None)
    for split, records in hold_out(raw.records, share, seed).items():
        content, counts, dropped = to_coco(records, categories)
        manifest.write_json(folder / f'{split}.json', content)
        _read_back(folder / f'{split}.json', counts)
        summary['splits'][split] = counts
        summary['dropped'] += dropped
    manifest.write_json(folder / 'summary.json', summary)
    (folder / 'summary.txt').write_text(_table(summary), encoding='utf-8')
    print(_table(summary), end='')


def convert(dataset: str, raw: Path, out: Path, *, annotation_only: bool = False, val_share: float = 0.1,
            seed: int = 0) -> bool:
    """Convert a raw dataset to COCO.

    Args:
        dataset: a key of `READERS`.
        raw: folder of the unpacked dataset or of its official archives.
        out: folder to write, see docs/formats.md.
        annotation_only: do without images (dogs only); sizes come from the XML.
        val_share: share of every class's training images held out as val, at least one image.
        seed: of the choice of val.
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
        root = reader.unpack(found, folder / 'raw') if packed else next(iter(found.values())).parent
        content = reader.read(root, annotation_only)
        _write(dataset, _relative(content, root), val_share, seed, folder)
        if content.images is not None:
            manifest.link(folder / 'images', target or os.path.relpath(content.images, folder))

    built = manifest.produce(out, 'convert', dict(dataset=dataset, annotation_only=annotation_only, val_share=val_share,
                                                  seed=seed), found, build, packages=('sahi', 'pycocotools', 'scipy'))
    if target:
        manifest.link(out / 'images', target)
    return built


def _relative(raw: RawDataset, root: Path) -> RawDataset:
    """Name sources relative to RAW, so that the summary has the same bytes wherever the data lie."""
    records = [replace(record, source=os.path.relpath(record.source, root)) for record in raw.records]
    return replace(raw, records=records)


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
    args = parser.parse_args(argv)
    convert(args.dataset, args.raw, args.out, annotation_only=args.annotation_only, val_share=args.val_share,
            seed=args.seed)


if __name__ == '__main__':
    sys.exit(main())
