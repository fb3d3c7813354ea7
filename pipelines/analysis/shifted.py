"""How many answers change when the window moves by one pixel, which accuracy hides.

The input is enlarged by one pixel, once; the two windows are cut from that, so that both were resampled alike and have
true pixels at their borders. The yardstick is how often two seeds of the row disagree.

Source: Shifman and Weiss 2024, "Lost in translation" (arXiv 2404.07153); Azulay and Weiss 2019 (arXiv 1805.12177).
"""
from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from pipelines.analysis.subject import Rows, subject
from pipelines.runs import Run


def windows(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) -> two of that size, one pixel apart from left to right."""
    height, width = pixels.shape[2:]
    larger = functional.interpolate(pixels, (height + 1, width + 1), mode='bicubic', align_corners=False).clamp(0, 1)
    return larger[:, :, :height, :width], larger[:, :, :height, 1:]


def shifted(rows: Rows, run: Run, split: str) -> list[dict[str, Any]]:
    """A shard of the images: ``image_id``, ``label``, ``answers`` by ``left`` and ``right``."""
    one = subject(run, split)
    left, right = (one.predictions(window).tolist() for window in windows(one.images(rows)))
    return [dict(image_id=row['image_id'], label=row['gt_label'], answers=dict(left=left[i], right=right[i]))
            for i, row in enumerate(rows)]
