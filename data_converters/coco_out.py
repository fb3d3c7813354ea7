"""COCO files of converted records: built by sahi, read back by pycocotools, written a row at a time."""
from __future__ import annotations

import contextlib
import io
import itertools
from pathlib import Path

import numpy as np

from data_converters.records import Record, Row
from pipelines.core import boxes, coco, json_files, shards

_SHOWN = 20  # rows of a kind in summary.txt


def to_coco(records: list[Record], categories: list[Row]) -> tuple[Row, dict[str, int], list[Row]]:
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


def read_back(content: Row) -> None:
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


def write_splits(folder: Path, dataset: str, categories: list[Row], finished: list[Path]) -> None:
    """The COCO files, with annotations numbered through; `info` and `licenses`, as other tools expect them."""
    numbers = {split: itertools.count(1) for split in coco.SPLITS}
    with contextlib.ExitStack() as stack:
        append = {split: stack.enter_context(json_files.writing_lists(
            folder / f'{split}.json', ('categories', 'images', 'annotations'), dict(
                info=dict(description=f'{dataset}, {split}', version='1.0', contributor='', url='', date_created=''),
                licenses=[]))) for split in coco.SPLITS}
        for split, row in itertools.product(coco.SPLITS, map(json_files.dumps, categories)):
            append[split]('categories', row)
        for key in ('images', 'annotations'):  # shards are read for each, as a million rows are not held
            for shard in shards.results(finished):
                for split, part in shard['splits'].items():
                    for row in part[key]:
                        append[split](key, row if key == 'images' else f'{{"id": {next(numbers[split])}, {row[1:]}')


def table(summary: Row) -> str:
    """The counts of ``summary.json`` and its remarks, as text."""
    columns = ('images', 'boxes', 'boxes_annotated', 'multi_object', 'clipped', 'dropped_boxes', 'quarantined')
    total = {key: sum(counts[key] for counts in summary['splits'].values()) for key in columns}
    lines = [f'{summary["dataset"]} ({summary["layout"]}): {summary["classes"]} classes, '
             + ', '.join(summary['class_names']) + (', annotations only' if summary['annotation_only'] else ''),
             f'{"":6}' + ''.join(f'{key:>16}' for key in columns)]
    lines += [f'{name:6}' + ''.join(f'{counts[key]:>16,}' for key in columns)
              for name, counts in [*summary['splits'].items(), ('total', total)]]
    if not summary['boxes']:
        lines.append('no boxes: the COCO files have no annotations; rows of full images need none')
    if summary['drawn']:
        lines.append(f'drawn by the seed, class by class: {" and ".join(summary["drawn"])} (splits.csv)')
    lines += [f'remark: {remark}' for remark in summary['remarks']]
    for what, rows in (('dropped', [f'{row["file"]}: {row["reason"]}' for row in summary['dropped']]),
                       ('rescaled', summary['rescaled'])):
        lines += [f'{what}: {row}' for row in rows[:_SHOWN]]
        lines += [f'{what}: {len(rows) - _SHOWN:,} more (summary.json)'] if len(rows) > _SHOWN else []
    return '\n'.join(lines) + '\n'
