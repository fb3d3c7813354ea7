"""Which box an image is cut by: the annotated or the detected one, split by split, and what there is to cut by."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pipelines.core import coco_stream
from pipelines.core.errors import InputError
from pipelines.core.kinds import DEFAULT_BOXES, FULL, Kind, parse_boxes


class Found(NamedTuple):
    """The box of one image.

    Args:
        source: gt, det, given or transferred (`pipelines.core.lineage`).
        box: xyxy in pixels; None: the whole image.
        score: of a detected box.
    """
    source: str
    box: tuple[float, ...] | None = None
    score: float | None = None


def settle(kinds: tuple[Kind, ...], by_split: dict[str, str] | None, convert: Path,
           detections: Path | None) -> tuple[tuple[Kind, ...], dict[str, str]]:
    """The kinds that can be cut, and by split the source of their boxes; what differs from what was asked is said.

    Args:
        by_split: as asked for; None: nothing was.
    Raises:
        InputError: boxes are asked for that are not there, although there are others.
    """
    if kinds == (FULL,):
        return kinds, {}
    if coco_stream.has_boxes(convert):
        by_split = by_split or parse_boxes(DEFAULT_BOXES)
        if 'det' in by_split.values() and any(not kind.annotated for kind in kinds if kind != FULL):
            if detections is None:
                raise InputError('--detections', expected='a file, as --boxes asks for detected boxes', found='nothing',
                                 remedy='run make detect for this dataset, or set BOXES=gt')
            return kinds, by_split
        return kinds, dict.fromkeys(by_split, 'gt')
    if detections is None or not detections.exists():
        print('[crop] no box is annotated and none was detected: the images are taken whole, as kind full alone. '
              'To cut crops, give boxes (BOXES_FROM) and run make detect crop', flush=True)
        return (FULL,), {}
    if asked := [str(kind) for kind in kinds if kind.annotated]:
        raise InputError('--kinds', expected='kinds without -gt, as this dataset has no annotated boxes',
                         found=' '.join(asked), remedy='leave them out, or convert the dataset with its boxes')
    if by_split and 'gt' in by_split.values():
        raise InputError('--boxes', expected='det, as this dataset has no annotated boxes', found=','.join(
            f'{split}={source}' for split, source in by_split.items()), remedy='leave BOXES (--boxes) out')
    print('[crop] no box is annotated: train, too, is cut by the boxes of detect', flush=True)
    return kinds, parse_boxes('det')
