"""What `make bench-data` runs in fresh processes beside our own commands: the alternatives, and functions of ours.

Each prints a JSON object as its last line.

    python -m tools.bench.child naive-crop JOBS
    python -m tools.bench.child naive-convert dogs|cub RAW OUT
    python -m tools.bench.child evaluate ours|pycocotools TRUTH RESULTS
    python -m tools.bench.child hash ours|loop FOLDER
"""
from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path


def naive_crop(jobs: str) -> dict:
    """Cut with Pillow, as most scripts do: every crop opens, decodes and converts its image anew.

    The files have the same sizes, quality and subsampling as ours; the resampling is Pillow's default, bicubic.

    Args:
        jobs: a JSON file of rows ``source``, ``crop`` (xyxy), ``size`` (w, h), ``subsampling`` and ``out``.
    """
    from PIL import Image

    rows = json.loads(Path(jobs).read_text())
    for row in rows:
        image = Image.open(row['source']).convert('RGB')
        image.crop(row['crop']).resize(row['size']).save(row['out'], quality=95, subsampling=row['subsampling'])
    return dict(crops=len(rows))


def _naive_dogs(raw: Path) -> list[tuple[str, int, list]]:
    """(file, class, xywh boxes) of every row of the lists."""
    from xml.etree import ElementTree

    from scipy.io import loadmat

    rows = []
    for split in ('train', 'test'):
        content = loadmat(raw / 'lists' / f'{split}_list.mat')
        for file, label in zip(content['file_list'][:, 0], content['labels'][:, 0]):
            tree = ElementTree.parse(raw / 'Annotation' / file.item().removesuffix('.jpg'))
            boxes = [[int(box.findtext(key, '')) for key in ('xmin', 'ymin', 'xmax', 'ymax')]
                     for box in tree.iterfind('object/bndbox')]
            rows.append((f'Images/{file.item()}', int(label),
                         [[x1, y1, x2 - x1 + 1, y2 - y1 + 1] for x1, y1, x2, y2 in boxes]))
    return rows


def _naive_cub(raw: Path) -> list[tuple[str, int, list]]:
    root = raw / 'CUB_200_2011'
    files, boxes, labels = ([line.split()[1:] for line in (root / f'{name}.txt').read_text().splitlines()]
                            for name in ('images', 'bounding_boxes', 'image_class_labels'))
    return [(f'CUB_200_2011/images/{file[0]}', int(label[0]), [[float(v) for v in box]])
            for file, box, label in zip(files, boxes, labels)]


def naive_convert(dataset: str, raw: str, out: str) -> dict:
    """The obvious script: every image is decoded to learn its size.

    Source: MMDetection's documentation, "Customize datasets": ``height, width = mmcv.imread(img_path).shape[:2]``,
    which is OpenCV's imread.
    """
    import cv2

    images: list[dict] = []
    annotations: list[dict] = []
    for file, label, boxes in dict(dogs=_naive_dogs, cub=_naive_cub)[dataset](Path(raw)):
        height, width = cv2.imread(str(Path(raw) / file)).shape[:2]  # type: ignore[union-attr]  # as the source has it
        images.append(dict(id=len(images) + 1, file_name=file, width=width, height=height))
        for x, y, w, h in boxes:
            annotations.append(dict(id=len(annotations) + 1, image_id=len(images), category_id=label, bbox=[x, y, w, h],
                                    area=w * h, iscrowd=0))
    categories = [dict(id=i, name=str(i)) for i in sorted({row['category_id'] for row in annotations})]
    Path(out).write_text(json.dumps(dict(images=images, annotations=annotations, categories=categories)))
    return dict(images=len(images))


def evaluate(engine: str, truth: str, results: str) -> dict:
    """The 12 COCO numbers of class-agnostic results and how long they took, without reading the results."""
    rows = json.loads(Path(results).read_text())
    if engine == 'ours':
        import faster_coco_eval  # noqa: F401  (its import is not timed, nor is pycocotools')

        from pipelines.core import coco
        known = coco.read(Path(truth))
        start = time.perf_counter()
        numbers = list(coco.average_precision(known, rows, class_agnostic=True).values())
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            annotated = COCO(truth)
            evaluation = COCOeval(annotated, annotated.loadRes(rows), 'bbox')
            evaluation.params.useCats = 0
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        numbers = [round(float(value), 4) for value in evaluation.stats]
    return dict(seconds=time.perf_counter() - start, numbers=numbers)


def hash_folder(engine: str, folder: str) -> dict:
    """The digest of a folder's files, which are put out of memory first, and the seconds of hashing them."""
    from pipelines.core import fingerprint

    for path in Path(folder).iterdir():
        with path.open('rb') as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = time.perf_counter()
    if engine == 'ours':
        found = fingerprint.fingerprint(Path(folder), fingerprint.Cache())[0]
    else:
        rows = ''.join(f'{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n'
                       for path in sorted(Path(folder).iterdir()))
        found = hashlib.sha256(hashlib.sha256(rows.encode()).hexdigest().encode()).hexdigest()
    return dict(seconds=time.perf_counter() - start, found=found)


COMMANDS: dict[str, Callable[..., dict]] = {
    'naive-crop': naive_crop, 'naive-convert': naive_convert, 'evaluate': evaluate, 'hash': hash_folder}

if __name__ == '__main__':
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
