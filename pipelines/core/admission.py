"""What of a profile's rows the gate lets in: gate.json, read by those who build tables; without numpy."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.core import json_files
from pipelines.core.rows import Images

USE = 'use'
KEPT = '_kept'  # behind a generator's name: its images that a classifier of real ones recognises
_PLACE = 'gate/gate.json'


def judged(work: Path) -> dict[str, Any] | None:
    """The content of a WORK/DATASET's gate.json; None: there is none."""
    path = work / _PLACE
    return dict(json_files.read(path)) if path.is_file() else None


def admitted(images: Images, content: Mapping[str, Any] | None) -> tuple[Images | None, str]:
    """What a profile's row with synthetic images becomes: what the gate lets in of their generator, or nothing. Images
    that no gate has judged stay.

    Args:
        images: that the row sees.
        content: of gate.json; None: there is none.
    Returns:
        the images of the row, or None where it is left out; and why, as a part of a sentence.
    """
    if not images.generator:
        return images, ''
    one = next((one for one in (content or {}).get('generators', ())
                if images.generator in (one['name'], one['name'] + KEPT)), None)
    if content is None or one is None:  # the table itself asks what they give
        return images, f'no gate has judged {images.generator} (make gate)'
    if one['verdict'] != USE or content['kind'] != images.kind:
        return None, f'the gate says {one["verdict"]} of {one["name"]} on {content["kind"]} crops: {one["why"]}'
    return replace(Images.parse(one['images']), imbalance=images.imbalance), f'the gate lets in {one["images"]}'
