"""Cut crops of several kinds out of every image, decoding each image once for all of them.

    python -m pipelines.crop --coco WORK/convert --detections WORK/detect/detections.json --out WORK/crop \\
        --kinds full box square square-m30 square-gt

A kind is SHAPE[-mNN][-gt]:

    full     the images as they are (a link); always there
    box      the box, widened by its margin on each side
    square   the nearest square to that: the longer side about the centre, shifted to stay inside the image, padded with
             grey only where the image is smaller
    -mNN     a margin of NN % of the box's size instead of 10 %
    -gt      annotated boxes in all splits, whatever --boxes says

Crops whose longer side has more than --size pixels are shrunk to that; none is enlarged.

Which box, by split (--boxes): `gt` is the largest annotated one, `det` the best-scoring detected one. By default train
images are cut by annotated boxes and test images by detected ones, as in use. So are val images: val chooses the epoch
for test, and has to look like it. Without any annotated box all splits are cut by detected ones; without those as well
there is nothing to cut, and the result is `full` alone. An image without a box is taken whole, marked `fallback` and
counted.

Lists: OUT/KIND_{train,val,test}.json, see docs/formats.md. A damaged image is left out and listed in quarantine.json.
The result does not depend on who works: --workers processes, or a Dask cluster (--scheduler).
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

from pipelines.core import coco, coco_stream, cropping, images, json_files, lineage, manifest, quarantine, shards
from pipelines.core.arguments import whole
from pipelines.core.box_sources import Found, settle
from pipelines.core.errors import DamagedError, InputError, command
from pipelines.core.fingerprint import Digests
from pipelines.core.kinds import DEFAULT_BOXES, DEFAULT_KINDS, FULL, Kind, parse_boxes, parse_kinds

_SHARD = 250  # images


class Job(NamedTuple):
    """One image to cut.

    Args:
        file, size, id, split: as converted.
        label: 0-based.
        chosen: by the split's source of boxes.
        annotated: for the kinds that are always cut by annotated boxes.
    """
    file: str
    size: tuple[int, int]
    id: int
    split: str
    label: int
    chosen: Found
    annotated: Found

    def found(self, kind: Kind) -> Found:
        return self.annotated if kind.annotated else self.chosen


@dataclass(frozen=True)
class Style:
    """How to cut; see `crop`."""
    out: Path
    kinds: tuple[Kind, ...]
    min_size: int
    size: int
    quality: int


def _planned(jobs: list[Job], style: Style) -> dict[Kind, list[list[int]]]:
    """By kind, the pixels of every job's crop."""
    sizes = np.array([job.size for job in jobs])
    return {kind: cropping.plan(kind, np.array([job.found(kind).box or [np.nan] * 4 for job in jobs]), sizes,
                                style.min_size).tolist() for kind in style.kinds}


def _cut(jobs: list[Job], style: Style, source: Path, strict: bool) -> list[dict]:
    """Cut a few images: for each, its rows as JSON by kind and the crops' digests, or its row of the quarantine."""
    import cv2

    cv2.setNumThreads(1)  # the processes are the parallel part
    planned = _planned(jobs, style)
    for kind, parent in itertools.product(planned, {os.path.dirname(job.file) for job in jobs}):
        if kind != FULL and not os.path.isdir(folder := f'{style.out}/{kind}/{parent}'):  # mkdir's error is slow
            os.makedirs(folder, exist_ok=True)
    done: list[dict] = []
    for job, *areas in zip(jobs, *planned.values()):
        try:
            picture = images.read(f'{source}/{job.file}', smooth=False, hashed=True)
        except DamagedError as error:
            if strict:
                raise
            done.append(dict(quarantined=quarantine.row(job.file, job.split, error, source)))
            continue
        if picture.size != job.size:
            raise InputError(source / job.file, expected=f'{job.size[0]} x {job.size[1]} pixels, as converted',
                             found=f'{picture.size[0]} x {picture.size[1]}', remedy='run make convert again')
        rows, written = {}, {}
        for kind, area in zip(planned, areas):
            row, digest = _row(job, kind, area), picture.sha256
            if kind != FULL:
                content = cropping.encode(picture, area, style.size, style.quality)
                with open(f'{style.out}/{row["img_path"]}', 'wb') as stream:
                    stream.write(content)
                digest = hashlib.sha256(content).hexdigest()
                written[row['img_path']] = len(content), digest
            rows[str(kind)] = json_files.dumps(dict(row, sha256=digest))
        done.append(dict(split=job.split, box_source=_source(job.chosen) if written else 'none', written=written,
                         rows=rows))
    return done


def _source(found: Found) -> str:
    return found.source if found.box else 'fallback'


def _row(job: Job, kind: Kind, area: list[int]) -> dict:
    """An image's row in the list of one kind (`pipelines.core.lineage`)."""
    row = dict(img_path=f'{kind}/{job.file}', gt_label=job.label, image_id=job.id, split=job.split)
    if kind == FULL:
        return dict(row, box_source='none', score=None, box=None, crop=area)
    found = job.found(kind)
    return dict(row, img_path=f'{kind}/{os.path.splitext(job.file)[0]}.jpg', box_source=_source(found),
                score=found.score, box=[round(v, 2) for v in found.box] if found.box else None, crop=area)


def _jobs(convert: Path, by_split: dict[str, str], labels: dict[int, int],
          best: coco_stream.Best | None) -> Iterator[Job]:
    """What to cut, by image id."""
    for number, (split, image, annotated) in enumerate(coco_stream.annotated(convert)):
        corners = [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in (
            row['bbox'] for row in annotated)]
        largest = Found('gt', max(corners, key=lambda xyxy: (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]), default=None))
        chosen = largest
        if by_split.get(split) == 'det':
            chosen = Found('det')
            if best is not None and not np.isnan(best.scores[number]):
                chosen = Found(best.sources[number], tuple(best.xyxy[number].tolist()), float(best.scores[number]))
        yield Job(image['file_name'], (image['width'], image['height']), image['id'], split,
                  labels[image['category_id']], chosen, largest)


def _write_lists(folder: Path, kinds: tuple[Kind, ...], categories: list[dict],
                 finished: list[Path]) -> tuple[dict[str, dict[str, int]], Digests]:
    """The lists of all kinds and splits, and the quarantine.

    Returns:
        by split, how many boxes came from where; the crops' digests.
    """
    counts: dict[str, Counter] = {split: Counter() for split in coco.SPLITS}
    damaged, classes, digests = [], [row['name'] for row in categories], Digests()
    with contextlib.ExitStack() as stack:
        append = {(str(kind), split): stack.enter_context(lineage.writing(
            folder / f'{kind}_{split}.json', classes, categories=categories))
            for kind in kinds for split in coco.SPLITS}
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


def _inputs(convert: Path, detections: Path | None) -> dict[str, Path | manifest.Listed]:
    """What is read, by the name it is recorded under.

    Raises:
        InputError: it is not there.
    """
    files = {f'convert/{split}.json': convert / f'{split}.json' for split in coco.SPLITS}
    files['convert/images'] = convert / 'images'
    if detections:
        files['detect/detections.json'] = detections
    expected = {'convert/images': 'the link to the raw images', 'detect/detections.json': 'detected boxes'}
    for name, path in files.items():
        if not path.exists():
            raise InputError(path, expected=expected.get(name, 'a COCO file'), found='nothing',
                             remedy=f'run make {name.split("/")[0]} (not with --annotation-only)')
    # what else lies beside the images does not count, and links lead anywhere, as in convert and detect
    return {**files, 'convert/images': manifest.Listed(convert / 'images', coco_stream.file_names(convert))}


def crop(convert: Path, out: Path, *, kinds: tuple[Kind, ...] = DEFAULT_KINDS, detections: Path | None = None,
         by_split: dict[str, str] | None = None, min_size: int = 16, size: int = 256, quality: int = 95,
         strict: bool = False, max_bad: float = 0.01, engine: shards.Engine | None = None) -> bool:
    """Cut every image of all splits.

    Args:
        convert: folder that the convert stage wrote.
        kinds: of crops, as `kinds.parse_kinds` gives them.
        detections: COCO results; needed where ``by_split`` says ``det``.
        by_split: ``gt`` or ``det`` by split; None: see `settle`.
        min_size: boxes whose longer side is shorter than this are grown to it first.
        size: the most pixels that a side of a crop may have.
        quality: of the JPEGs, 1 to 100.
        strict, max_bad: see `quarantine.settle`.
        engine: who works; None: a process per CPU.
    Returns:
        whether anything was cut (False: up to date).
    """
    for option, value, low, high in (('--min-size', min_size, 1, 4096), ('--size', size, 8, 4096),
                                     ('--quality', quality, 1, 100)):
        if not low <= value <= high:
            raise InputError(option, expected=f'{low} to {high}', found=str(value),
                             remedy='choose a value in that range')
    kinds, by_split = settle(kinds, by_split, convert, detections)
    used = detections if 'det' in by_split.values() else None
    if used:
        manifest.check_chain(convert.parent, 'detect', places=dict(detect=used.parent, convert=convert))
    parameters = dict(kinds=list(map(str, kinds)), boxes=by_split, min_size=min_size, size=size, quality=quality)
    # relative to the final folder; the staging folder lies beside it, so the link holds in both
    pictures = convert / 'images'
    target = os.path.relpath(pictures.resolve(), out.absolute().parent.resolve() / out.name)

    def build(folder: Path) -> Digests:
        known = coco_stream.images(convert)
        categories = coco_stream.categories(convert / 'train.json')
        labels = {row['id']: label for label, row in enumerate(categories)}
        best = coco_stream.best_boxes(used, known) if used else None
        done = shards.run(_cut, _jobs(convert, by_split, labels, best),
                          (Style(folder, kinds, min_size, size, quality), pictures.absolute(), strict),
                          folder / '.shards', size=_SHARD, total=len(known.ids), title='crop', engine=engine)
        counts, digests = _write_lists(folder, kinds, categories, done)
        json_files.write(folder / 'summary.json', dict(mode_counts=counts, parameters=parameters))
        manifest.link(folder / 'full', target)
        print('\n'.join(f'{split:6}' + ', '.join(f'{number:,} {source}' for source, number in count.items())
                        for split, count in counts.items()))
        return digests

    built = manifest.produce(out, 'crop', parameters, _inputs(convert, used), build, resume=True,
                             packages=('numpy', 'opencv-python-headless', 'pillow', 'simplejpeg'))
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
    parser.add_argument('--kinds', nargs='+', default=list(map(str, DEFAULT_KINDS)), metavar='KIND',
                        help=f'of crops; default: {" ".join(map(str, DEFAULT_KINDS))}')
    parser.add_argument('--boxes', help=f'gt, det, or by split; default: {DEFAULT_BOXES}, and det where no box is '
                                        'annotated')
    parser.add_argument('--min-size', type=whole(1), default=16,
                        help='pixels, longer side of a box; default: %(default)s')
    parser.add_argument('--size', type=whole(1), default=256,
                        help='pixels, longest side of a crop; default: %(default)s')
    parser.add_argument('--quality', type=whole(1, 100), default=95, help='of the JPEGs; default: %(default)s')
    shards.add_arguments(parser)
    quarantine.add_arguments(parser)
    args = parser.parse_args(argv)
    crop(args.coco, args.out, kinds=parse_kinds(args.kinds), detections=args.detections,
         by_split=parse_boxes(args.boxes) if args.boxes is not None else None, min_size=args.min_size, size=args.size,
         quality=args.quality, strict=args.strict, max_bad=args.max_bad,
         engine=shards.Engine(args.workers, args.scheduler))


if __name__ == '__main__':
    sys.exit(main())
