"""Cut box crops and square crops out of every image, decoding each image once.

    python -m pipelines.crop --coco WORK/convert --detections WORK/detect/detections.json --out WORK/crop

    box      the box, widened by --margin of its size on each side; longer side resized to --size
    square   the nearest square to that: the longer side about the centre, shifted to stay inside the image, padded with
             grey only where the image is smaller; resized to --size x --size
    full     the images as they are (a link)

Which box, by split (--boxes): `gt` is the largest annotated one, `det` the best-scoring detected one. By default train
images are cut by annotated boxes and test images by detected ones, as in use. So are val images: val chooses the epoch
for test, and has to look like it. An image without a detection is taken whole, marked `fallback` and counted.

Lists: OUT/{full,box,square}_{train,val,test}.json, see docs/formats.md. The result does not depend on --workers.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.core import boxes, coco, images, lineage, manifest
from pipelines.core.errors import InputError, command

KINDS = ('full', 'box', 'square')
DEFAULT_BOXES = 'train=gt,val=det,test=det'
_CHUNK = 16


@dataclass(frozen=True)
class Job:
    """One image to cut. ``row`` is its lineage so far; ``box`` is xyxy in pixels, None for the whole image."""
    source: Path
    size: tuple[int, int]
    box: tuple[float, ...] | None
    row: dict


@dataclass(frozen=True)
class Style:
    """How to cut; see `crop`."""
    out: Path
    margin: float
    min_size: int
    size: int
    quality: int


def parse_boxes(text: str) -> dict[str, str]:
    """``gt``, ``det``, or ``train=gt,test=det`` (splits left out keep their default) -> source by split.

    Raises:
        InputError: anything else.
    """
    chosen = dict(pair.split('=') for pair in DEFAULT_BOXES.split(','))
    if text in ('gt', 'det'):
        return dict.fromkeys(chosen, text)
    for pair in text.split(','):
        split, _, source = pair.partition('=')
        if split not in chosen or source not in ('gt', 'det'):
            raise InputError('--boxes', expected=f'gt, det, or pairs as in {DEFAULT_BOXES}', found=text,
                             remedy='set BOXES (--boxes) to one of these')
        chosen[split] = source
    return chosen


def plan(box: tuple[float, ...] | None, image_wh: tuple[int, int], style: Style) -> dict[str, tuple[int, ...]]:
    """The pixels that each kind of crop covers, xyxy, for a box or (None) the whole image."""
    xyxy = np.array([box if box is not None else (0, 0, *image_wh)], float)
    if box is not None:
        xyxy = boxes.grow(boxes.at_least(xyxy, style.min_size, image_wh), style.margin, image_wh)
    return dict(box=boxes.whole_pixels(xyxy[0], image_wh),
                square=boxes.whole_pixels(boxes.square(xyxy, image_wh)[0], image_wh))


def _cut(jobs: list[Job], style: Style) -> list[dict[str, dict]]:
    """Cut a few images; the rows of each, by kind."""
    done = []
    for job in jobs:
        pixels = images.decode(job.source)
        if pixels.shape[1::-1] != job.size:
            raise InputError(job.source, expected=f'{job.size[0]} x {job.size[1]} pixels, as converted',
                             found=f'{pixels.shape[1]} x {pixels.shape[0]}', remedy='run make convert again')
        stem, rows = Path(job.row['img_path']).with_suffix(''), {}
        rows['full'] = dict(job.row, img_path=f'full/{job.row["img_path"]}', box_source='none', score=None, box=None,
                            crop=[0, 0, *job.size])
        for kind, xyxy in plan(job.box, job.size, style).items():
            path = style.out / kind / stem.with_name(f'{stem.name}.jpg')
            path.parent.mkdir(parents=True, exist_ok=True)
            resized = images.fit(images.crop(pixels, np.array(xyxy, float)), style.size)
            path.write_bytes(images.encode_jpeg(resized, style.quality))
            rows[kind] = dict(job.row, img_path=path.relative_to(style.out).as_posix(), crop=list(xyxy))
        done.append(rows)
    return done


def read_detections(path: Path | None, splits: dict[str, coco.Coco]) -> list[dict]:
    """COCO results with known image ids.

    Raises:
        InputError: no file, not COCO results, or an image id that no split has.
    """
    remedy = 'run make detect for this dataset, or set BOXES=gt'
    if path is None:
        raise InputError('--detections', expected='a file, as --boxes asks for detected boxes', found='nothing',
                         remedy=remedy)
    try:
        rows = json.loads(path.read_text(encoding='utf-8'))
        known = {image_id for split in splits.values() for image_id in split.images}
        for number, row in enumerate(rows):
            if row['image_id'] not in known:
                raise InputError(f'{path}, row {number}', expected=f'an image id of {splits["train"].path.parent}',
                                 found=str(row['image_id']), remedy=remedy)
            float(row['score']), np.array(row['bbox'], float).reshape(4)
    except FileNotFoundError:
        raise InputError(path, expected='detected boxes', found='nothing', remedy=remedy) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, expected='COCO results (image_id, bbox, score)',
                         found=f'{type(error).__name__}: {error}', remedy=remedy) from None
    return rows


def _jobs(split: str, data: coco.Coco, source: str, best: dict[int, dict]) -> Iterator[Job]:
    """What to cut in one split, by image id."""
    for image_id, image in sorted(data.images.items()):
        size, box, score = (image['width'], image['height']), None, None
        if source == 'gt':
            candidates = data.gt_xyxy(image_id)
            if len(candidates):
                box = candidates[boxes.area(candidates).argmax()]
        elif image_id in best:
            box, score = boxes.clip(boxes.xywh_to_xyxy(best[image_id]['bbox']), size)[0], best[image_id]['score']
        row = dict(img_path=image['file_name'], gt_label=data.label(image_id), image_id=image_id, split=split,
                   box_source=source if box is not None else 'fallback', score=score,
                   box=None if box is None else [round(v, 2) for v in box.tolist()])
        yield Job(data.path.parent / 'images' / image['file_name'], size,
                  None if box is None else tuple(box.tolist()), row)


def _with_area(rows: list[dict], splits: dict[str, coco.Coco]) -> list[dict]:
    """Results whose box has area inside its image."""
    sizes = {i: (image['width'], image['height']) for split in splits.values() for i, image in split.images.items()}
    return [row for row in rows
            if boxes.area(boxes.clip(boxes.xywh_to_xyxy(row['bbox']), sizes[row['image_id']]))[0] > 0]


def _run(jobs: list[Job], style: Style, workers: int) -> list[dict[str, dict]]:
    """Cut all images in ``workers`` processes; rows in the order of the jobs."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from tqdm import tqdm

    chunks = [jobs[i:i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
    done: list[dict[str, dict]] = []
    with tqdm(total=len(jobs), desc='cropping', unit='image') as bar:
        def collect(results: Iterator[list[dict[str, dict]]]) -> None:
            for rows in results:
                done.extend(rows)
                bar.update(len(rows))

        if workers == 1 or len(chunks) == 1:
            collect(_cut(chunk, style) for chunk in chunks)
        else:
            context = multiprocessing.get_context('spawn')  # fork is unsafe beside tqdm's thread
            with ProcessPoolExecutor(min(workers, len(chunks)), context) as pool:
                collect(pool.map(_cut, chunks, [style] * len(chunks)))
    return done


def crop(convert: Path, out: Path, *, detections: Path | None = None, by_split: dict[str, str] | None = None,
         margin: float = 0.1, min_size: int = 16, size: int = 256, quality: int = 95,
         workers: int | None = None) -> bool:
    """Cut every image of all splits.

    Args:
        convert: folder that the convert stage wrote.
        detections: COCO results; needed where ``by_split`` says ``det``.
        by_split: ``gt`` or ``det`` by split; None: `DEFAULT_BOXES`.
        margin: added to a box on each side, as a share of its width and height.
        min_size: boxes whose longer side is shorter than this are grown to it first.
        size: longer side of a box crop, side of a square crop, in pixels.
        quality: of the JPEGs, 1 to 100.
        workers: processes; None: one per free core.
    Returns:
        whether anything was cut (False: up to date).
    """
    by_split = by_split or parse_boxes(DEFAULT_BOXES)
    for option, value, low, high in (('--margin', margin, 0, 5), ('--min-size', min_size, 1, 4096),
                                     ('--size', size, 8, 4096), ('--quality', quality, 1, 100)):
        if not low <= value <= high:
            raise InputError(option, expected=f'{low} to {high}', found=str(value),
                             remedy='choose a value in that range')
    splits, pictures = coco.read_splits(convert), convert / 'images'
    if not pictures.is_dir():
        raise InputError(pictures, expected='the link to the raw images', found='nothing',
                         remedy='run make convert again, without --annotation-only')
    inputs = {f'convert/{split}.json': data.path for split, data in splits.items()} | {'convert/images': pictures}
    found = []
    if 'det' in by_split.values():
        found = read_detections(detections, splits)
        inputs['detect/detections.json'] = detections
    parameters = dict(boxes=by_split, margin=margin, min_size=min_size, size=size, quality=quality)

    # relative to the final folder; the staging folder lies beside it, so the link holds in both
    target = os.path.relpath(pictures.resolve(), out.absolute().parent.resolve() / out.name)

    def build(folder: Path) -> None:
        style, best = Style(folder, margin, min_size, size, quality), coco.best_boxes(_with_area(found, splits))
        jobs = [job for split, data in splits.items() for job in _jobs(split, data, by_split[split], best)]
        rows = _run(jobs, style, workers or len(os.sched_getaffinity(0)))
        counts = {}
        for split, data in splits.items():
            mine = [row for row in rows if row['full']['split'] == split]
            for kind in KINDS:
                lineage.write_list(folder / f'{kind}_{split}.json', data.classes, [row[kind] for row in mine])
            counts[split] = dict(sorted(Counter(row['box']['box_source'] for row in mine).items()))
        manifest.write_json(folder / 'summary.json', dict(mode_counts=counts, parameters=parameters))
        manifest.link(folder / 'full', target)
        print('\n'.join(f'{split:6}' + ', '.join(f'{number:,} {source}' for source, number in count.items())
                        for split, count in counts.items()))

    built = manifest.produce(out, 'crop', parameters, inputs, build,
                             packages=('opencv-python-headless', 'pillow', 'simplejpeg'))
    manifest.link(out / 'full', target)
    return built


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('pipelines.crop', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--coco', type=Path, required=True, help='folder that the convert stage wrote')
    parser.add_argument('--detections', type=Path, help='detections.json of the detect stage')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--boxes', default=DEFAULT_BOXES, help='gt, det, or by split; default: %(default)s')
    parser.add_argument('--margin', type=float, default=0.1, help='share of the box on each side; default: %(default)s')
    parser.add_argument('--min-size', type=int, default=16, help='pixels, longer side of a box; default: %(default)s')
    parser.add_argument('--size', type=int, default=256, help='pixels, longer side of a crop; default: %(default)s')
    parser.add_argument('--quality', type=int, default=95, help='of the JPEGs; default: %(default)s')
    parser.add_argument('--workers', type=int, help='processes; default: one per free core')
    args = parser.parse_args(argv)
    crop(args.coco, args.out, detections=args.detections, by_split=parse_boxes(args.boxes), margin=args.margin,
         min_size=args.min_size, size=args.size, quality=args.quality, workers=args.workers)


if __name__ == '__main__':
    sys.exit(main())
