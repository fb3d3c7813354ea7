"""Cut box crops and square crops out of every image, decoding each image once.

    python -m pipelines.crop --coco WORK/convert --detections WORK/detect/detections.json --out WORK/crop

    box      the box, widened by --margin of its size on each side
    square   the nearest square to that: the longer side about the centre, shifted to stay inside the image, padded with
             grey only where the image is smaller
    full     the images as they are (a link)

Crops whose longer side has more than --size pixels are shrunk to that; none is enlarged.

Which box, by split (--boxes): `gt` is the largest annotated one, `det` the best-scoring detected one. By default train
images are cut by annotated boxes and test images by detected ones, as in use. So are val images: val chooses the epoch
for test, and has to look like it. An image without a detection is taken whole, marked `fallback` and counted.

Lists: OUT/{full,box,square}_{train,val,test}.json, see docs/formats.md. A damaged image is left out and listed in
quarantine.json. The result does not depend on who works: --workers processes, or a Dask cluster (--scheduler).
"""
from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.core import boxes, coco, coco_stream, images, json_files, lineage, manifest, quarantine, shards
from pipelines.core.errors import DamagedError, InputError, command
from pipelines.core.fingerprint import Digests

KINDS = ('full', 'box', 'square')
DEFAULT_BOXES = 'train=gt,val=det,test=det'
_SHARD = 250  # images


class Job(NamedTuple):
    """One image to cut.

    Args:
        file, size, id, split: as converted.
        label: 0-based.
        source: of the box: gt or det.
        box: xyxy in pixels; None: the whole image.
        score: of a detected box.
    """
    file: str
    size: tuple[int, int]
    id: int
    split: str
    label: int
    source: str
    box: tuple[float, ...] | None
    score: float | None


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


def plan(xyxy: NDArray[np.float64], image_wh: NDArray[np.int64], style: Style) -> dict[str, NDArray[np.int64]]:
    """The pixels that each kind of crop covers, (N, 4) xyxy.

    Args:
        xyxy: (N, 4) boxes; NaN: the whole image.
        image_wh: (N, 2) pixels.
    """
    whole = np.concatenate([np.zeros_like(image_wh), image_wh], axis=1)
    chosen = np.where(np.isnan(xyxy), whole, xyxy)
    grown = boxes.grow(boxes.at_least(chosen, style.min_size, image_wh), style.margin, image_wh)
    return dict(box=boxes.whole_pixels(grown, image_wh),
                square=boxes.whole_pixels(boxes.square(grown, image_wh), image_wh))


def _cut(jobs: list[Job], style: Style, source: Path, strict: bool) -> list[dict]:
    """Cut a few images: for each, its rows as JSON by kind and the crops' digests, or its row of the quarantine."""
    import cv2

    cv2.setNumThreads(1)  # the processes are the parallel part
    planned = plan(np.array([job.box or [np.nan] * 4 for job in jobs]), np.array([job.size for job in jobs]), style)
    for kind, parent in itertools.product(planned, {os.path.dirname(job.file) for job in jobs}):
        if not os.path.isdir(folder := f'{style.out}/{kind}/{parent}'):  # mkdir's error is slow
            os.makedirs(folder, exist_ok=True)
    done = []
    for job, *areas in zip(jobs, *(areas.tolist() for areas in planned.values())):
        try:
            pixels, sampling = images.read(f'{source}/{job.file}', smooth=False)
        except DamagedError as error:
            if strict:
                raise
            done.append(dict(quarantined=quarantine.row(job.file, job.split, error, source)))
            continue
        if pixels.shape[1::-1] != job.size:
            raise InputError(source / job.file, expected=f'{job.size[0]} x {job.size[1]} pixels, as converted',
                             found=f'{pixels.shape[1]} x {pixels.shape[0]}', remedy='run make convert again')
        row = dict(img_path=f'full/{job.file}', gt_label=job.label, image_id=job.id, split=job.split,
                   box_source=job.source if job.box else 'fallback', score=job.score,
                   box=[round(v, 2) for v in job.box] if job.box else None)
        rows, written = [dict(row, box_source='none', score=None, box=None, crop=[0, 0, *job.size])], {}
        for kind, area in zip(planned, areas):
            name = f'{kind}/{os.path.splitext(job.file)[0]}.jpg'
            content = _content(pixels, sampling, area, style)
            with open(f'{style.out}/{name}', 'wb') as stream:
                stream.write(content)
            rows.append(dict(row, img_path=name, crop=area))
            written[name] = len(content), hashlib.sha256(content).hexdigest()
        done.append(dict(split=job.split, box_source=row['box_source'], written=written,
                         rows={kind: json_files.dumps(row) for kind, row in zip(('full', *planned), rows)}))
    return done


def _content(pixels: NDArray[np.uint8], sampling: str, area: list[int], style: Style) -> bytes:
    """The JPEG of one crop; its chroma is as fine as the photograph's, finer where that is shrunk to half or less."""
    cut = images.crop(pixels, area)
    longer = max(cut.shape)
    if longer > style.size:  # enlarging is left to the reader: it adds bytes and no detail
        cut = images.fit(cut, style.size)
    return images.encode_jpeg(cut, style.quality, sampling if longer < 2 * style.size else '444')


def _jobs(convert: Path, known: coco_stream.Images, by_split: dict[str, str], labels: dict[int, int],
          best: tuple[np.ndarray, np.ndarray] | None) -> Iterator[Job]:
    """What to cut, by image id."""
    for number, (split, image, annotated) in enumerate(coco_stream.annotated(convert)):
        box, score = None, None
        if by_split[split] == 'gt':
            corners = [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in (
                row['bbox'] for row in annotated)]
            box = max(corners, key=lambda xyxy: (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]), default=None)
        elif not np.isnan(best[0][number]):
            score, box = float(best[0][number]), tuple(best[1][number].tolist())
        yield Job(image['file_name'], (image['width'], image['height']), image['id'], split,
                  labels[image['category_id']], by_split[split], box, score)


def _write_lists(folder: Path, categories: list[dict],
                 finished: list[Path]) -> tuple[dict[str, dict[str, int]], Digests]:
    """The lists of all kinds and splits, and the quarantine.

    Returns:
        by split, how many boxes came from where; the crops' digests.
    """
    counts: dict[str, Counter] = {split: Counter() for split in coco.SPLITS}
    damaged, classes, digests = [], [row['name'] for row in categories], Digests()
    with contextlib.ExitStack() as stack:
        append = {(kind, split): stack.enter_context(lineage.writing(folder / f'{kind}_{split}.json', classes,
                                                                       categories=categories))
                  for kind in KINDS for split in coco.SPLITS}
        for done in itertools.chain.from_iterable(shards.results(finished)):
            if 'quarantined' in done:
                damaged.append(done['quarantined'])
                counts[damaged[-1]['split']]['quarantined'] += 1
                continue
            for kind, row in done['rows'].items():
                append[kind, done['split']](row)
            counts[done['split']][done['box_source']] += 1
            for name, (size, sha256) in done['written'].items():
                digests.add(name, size, sha256)
    quarantine.write(folder, sum(count.total() for count in counts.values()), damaged)
    return {split: dict(sorted(count.items())) for split, count in counts.items()}, digests


def crop(convert: Path, out: Path, *, detections: Path | None = None, by_split: dict[str, str] | None = None,
         margin: float = 0.1, min_size: int = 16, size: int = 256, quality: int = 95, strict: bool = False,
         max_bad: float = 0.01, engine: shards.Engine | None = None) -> bool:
    """Cut every image of all splits.

    Args:
        convert: folder that the convert stage wrote.
        detections: COCO results; needed where ``by_split`` says ``det``.
        by_split: ``gt`` or ``det`` by split; None: `DEFAULT_BOXES`.
        margin: added to a box on each side, as a share of its width and height.
        min_size: boxes whose longer side is shorter than this are grown to it first.
        size: the most pixels that a side of a crop may have.
        quality: of the JPEGs, 1 to 100.
        strict, max_bad: see `quarantine.settle`.
        engine: who works; None: a process per CPU.
    Returns:
        whether anything was cut (False: up to date).
    """
    by_split = by_split or parse_boxes(DEFAULT_BOXES)
    for option, value, low, high in (('--margin', margin, 0, 5), ('--min-size', min_size, 1, 4096),
                                     ('--size', size, 8, 4096), ('--quality', quality, 1, 100)):
        if not low <= value <= high:
            raise InputError(option, expected=f'{low} to {high}', found=str(value),
                             remedy='choose a value in that range')
    pictures = convert / 'images'
    inputs = {f'convert/{split}.json': convert / f'{split}.json' for split in coco.SPLITS}
    inputs['convert/images'] = pictures
    if 'det' in by_split.values():
        if detections is None:
            raise InputError('--detections', expected='a file, as --boxes asks for detected boxes', found='nothing',
                             remedy='run make detect for this dataset, or set BOXES=gt')
        inputs['detect/detections.json'] = detections
    for name, path in inputs.items():
        expected = {'convert/images': 'the link to the raw images', 'detect/detections.json': 'detected boxes'}
        if not path.exists():
            raise InputError(path, expected=expected.get(name, 'a COCO file'), found='nothing',
                             remedy=f'run make {name.split("/")[0]} (not with --annotation-only)')
    parameters = dict(boxes=by_split, margin=margin, min_size=min_size, size=size, quality=quality)

    # relative to the final folder; the staging folder lies beside it, so the link holds in both
    target = os.path.relpath(pictures.resolve(), out.absolute().parent.resolve() / out.name)

    def build(folder: Path) -> Digests:
        known = coco_stream.images(convert)
        categories = coco_stream.categories(convert / 'train.json')
        labels = {row['id']: label for label, row in enumerate(categories)}
        best = coco_stream.best_boxes(detections, known) if detections and 'det' in by_split.values() else None
        done = shards.run(_cut, _jobs(convert, known, by_split, labels, best),
                          (Style(folder, margin, min_size, size, quality), pictures.absolute(), strict),
                          folder / '.shards', size=_SHARD, total=len(known.ids), title='crop', engine=engine)
        counts, digests = _write_lists(folder, categories, done)
        json_files.write(folder / 'summary.json', dict(mode_counts=counts, parameters=parameters))
        manifest.link(folder / 'full', target)
        print('\n'.join(f'{split:6}' + ', '.join(f'{number:,} {source}' for source, number in count.items())
                        for split, count in counts.items()))
        return digests

    built = manifest.produce(out, 'crop', parameters, inputs, build, resume=True,
                             packages=('opencv-python-headless', 'pillow', 'simplejpeg'))
    manifest.link(out / 'full', target)
    quarantine.settle(out, 'crop', max_bad=max_bad, strict=strict)
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
    parser.add_argument('--size', type=int, default=256, help='pixels, longest side of a crop; default: %(default)s')
    parser.add_argument('--quality', type=int, default=95, help='of the JPEGs; default: %(default)s')
    shards.add_arguments(parser)
    quarantine.add_arguments(parser)
    args = parser.parse_args(argv)
    crop(args.coco, args.out, detections=args.detections, by_split=parse_boxes(args.boxes), margin=args.margin,
         min_size=args.min_size, size=args.size, quality=args.quality, strict=args.strict, max_bad=args.max_bad,
         engine=shards.Engine(args.workers, args.scheduler))


if __name__ == '__main__':
    sys.exit(main())
