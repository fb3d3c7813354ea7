"""A box for sahi's COCO export."""
from __future__ import annotations

from sahi.utils.coco import CocoAnnotation


class BoxAnnotation(CocoAnnotation):
    """A box that stays the four numbers it is.

    sahi's own makes each box a polygon and measures that: 40 us a box for 0.5, an area cut to a whole number, and sides
    that lose their last bits.

    Args:
        category_id: 1-based.
        category_name: as in the category.
        bbox: x, y, width, height in pixels.
    """

    def __init__(self, category_id: int, category_name: str, bbox: list[float]) -> None:
        self._category_id, self._category_name = category_id, category_name
        self._image_id, self._iscrowd, self._segmentation = None, 0, None
        self._bbox = bbox

    @property
    def bbox(self) -> list[float]:
        return self._bbox

    @property
    def area(self) -> float:
        return self._bbox[2] * self._bbox[3]
