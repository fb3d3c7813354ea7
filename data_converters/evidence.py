"""Whether boxes are what their layout says they are: pixels, left top width height, in the frame that a viewer shows.

A box alone rarely tells; the share of boxes that leave their images does. What is wrong for sure is refused, what may
be is said with its share.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters.reader import Reader
from data_converters.records import Index, Record
from pipelines.core import boxes
from pipelines.core.errors import InputError

FRAMES = ('shown', 'stored')
_SMALL = 2  # pixels
_CUT = 0.1  # of its area that a box may lose at the border before it counts
_MANY = 0.25  # of the boxes
_FEW = 10  # boxes that prove nothing
_SOME = 0.05
_ALL = 0.99


def check_pixels(index: Index, root: Path) -> None:
    """Boxes in pixels are not shares of the image.

    Raises:
        InputError: most of them have no number above 1.
    """
    if index.xyxy is None or not len(index.xyxy) or (index.sizes is not None and (index.sizes == 1).all()):
        return
    share = float((np.abs(boxes.xyxy_to_xywh(index.xyxy)).max(axis=1) <= 1).mean())
    if share > 0.5:
        raise InputError(root / index.source, expected='boxes in pixels', remedy='multiply them by the '
                         'images\' widths and heights, or give them as YOLO\'s labels/*.txt (--layout yolo)',
                         found=f'numbers from 0 to 1, as YOLO writes them, in {share:.0%} of {len(index.xyxy):,} boxes')


def _leave(xyxy: NDArray[np.float64], image_wh: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) whether a box leaves its image by more than rounding."""
    far: NDArray[np.bool_] = np.abs(xyxy - boxes.clip(xyxy, image_wh)) > 1
    return np.asarray(far.any(axis=1))


def turned_to_view(record: Record, relative: bool) -> Record:
    """A record whose boxes count in the frame of the stored pixels -> in that of a viewer."""
    if record.turned == 1:
        return record
    stored = record.size[::-1] if record.turned >= 5 else record.size
    xyxy = record.xyxy * np.tile(np.divide(stored, record.size), 2) if relative else record.xyxy
    return record._replace(xyxy=boxes.turn(xyxy, stored, record.turned), turned=1)


def counted(records: Sequence[Record]) -> Counter[str]:
    """What the boxes of some images tell."""
    numbers = [len(record.xyxy) for record in records]
    xyxy = np.concatenate([np.empty((0, 4)), *(record.xyxy for record in records)])
    size = np.repeat(np.array([record.size for record in records], int).reshape(-1, 2), numbers, axis=0)
    turned = np.repeat(np.array([record.turned for record in records], int), numbers)
    stored = np.where((turned >= 5)[:, None], size[:, ::-1], size)
    x, y, width, height = boxes.xyxy_to_xywh(xyxy).T
    whole = boxes.area(xyxy)
    odd, leaves = turned > 1, _leave(xyxy, size)
    return Counter({key: int(value) for key, value in dict(
        boxes=len(xyxy), leave=leaves.sum(), small=((width < _SMALL) | (height < _SMALL)).sum(),
        cut=(boxes.area(boxes.clip(xyxy, size)) < (1 - _CUT) * whole).sum(),
        corners=((width > x) & (height > y) & (width <= size[:, 0] + 1) & (height <= size[:, 1] + 1)).sum(),
        turned=odd.sum(), turned_images=sum(record.turned > 1 for record in records),
        turned_leave=(odd & leaves).sum(), stored_leave=(odd & _leave(xyxy, stored)).sum()).items()})


def judged(found: Counter[str], reader: Reader, where: Path) -> list[str]:
    """What to say of all boxes of a dataset, that stand in the file or folder ``where``.

    Raises:
        InputError: corners taken for left, top, width and height; boxes that count in the frame of the stored pixels;
            or many that leave their images for another reason.
    """
    count = found['boxes']
    if not count:
        return []

    def share(key: str) -> str:
        return f'{found[key]:,} of {count:,} boxes ({found[key] / count:.1%})'

    if reader.left_top_size and found['corners'] >= _ALL * count and found['leave'] > _SOME * count:
        raise InputError(where, expected='left, top, width, height', remedy='write width = right - left and height = '
                         'bottom - top', found=f'right and bottom in place of width and height: {share("leave")} leave '
                         'their images, and none would so')
    if found['turned_leave'] > _SOME * found['turned'] and found['stored_leave'] < found['turned_leave']:
        raise InputError(where, expected='boxes in the frame that a viewer shows', remedy='BOX_FRAME=stored '
                         '(--box-frame) turns them, shown takes them as they are', found='boxes of images that EXIF '
                         f'turns as their pixels are stored: {found["turned_leave"]:,} of {found["turned"]:,} leave '
                         f'their images as shown, {found["stored_leave"]:,} as stored')
    if found['cut'] > max(_MANY * count, _FEW):
        raise InputError(where, expected='boxes inside their images', remedy='see that they are pixels of '
                         'these images, not of others of another size',
                         found=f'{share("cut")} that lose over {_CUT:.0%} at the border')
    said = [f'{share(key)} {words}' for key, words in (
        ('small', f'are below {_SMALL} pixels'), ('cut', f'lose over {_CUT:.0%} at the border')) if found[key]]
    if found['turned']:
        said.append(f'{share("turned")} are of {found["turned_images"]:,} images that EXIF turns, and nothing says '
                    'in which frame: taken as shown (--box-frame)')
    return said


def check_frame(frame: str | None) -> None:
    if frame not in (None, *FRAMES):
        raise InputError('--box-frame', expected=' or '.join(FRAMES), found=str(frame), remedy='choose one of these')

