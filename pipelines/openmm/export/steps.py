"""A config's test pipeline as plain steps, which a program without OpenMMLab can follow."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import Config

from pipelines.core.errors import InputError
from pipelines.openmm.chain.inputs import pipeline


def of(cfg: Config) -> list[dict[str, Any]]:
    """Resizing, padding and cutting, in their order; sizes are (height, width).

    Returns:
        rows with ``op``: ``resize`` (``size``, ``keep_ratio``, ``interpolation``), ``pad`` (``size``, ``value``: RGB;
        right and below), ``cut`` (``size``: of the middle).
    Raises:
        InputError: a transform, or an option of one, that has no such step.
    """
    found = []
    for number, transform in enumerate(pipeline(cfg)[1:], start=1):
        name = transform['type'].rpartition('.')[2]
        options = {key: value for key, value in transform.items() if key not in ('type', 'backend', 'meta_keys')}
        if name in ('PackInputs', 'PackDetInputs', 'LoadAnnotations'):
            continue
        step = _STEPS[name](options) if name in _STEPS else None
        if step is None or options:
            raise InputError(f'test_dataloader.dataset.pipeline[{number}]',
                             expected=f'one of {", ".join(_STEPS)}, with plain options', found=str(dict(transform)),
                             remedy='train a row whose test pipeline is made of these: see '
                             'mm_configs/_base_/datasets/crops.py')
        found.append(step)
    return found


def _resize(options: dict[str, Any]) -> dict[str, Any] | None:
    size = options.pop('scale', None)
    size = (size, size) if isinstance(size, int) else size
    if not isinstance(size, Sequence) or options.pop('clip_object_border', True) not in (True, False):
        return None
    interpolation = options.pop('interpolation', 'bilinear')
    if interpolation not in ('bilinear', 'bicubic', 'area'):
        return None
    return dict(op='resize', size=[int(size[1]), int(size[0])], keep_ratio=bool(options.pop('keep_ratio', False)),
                interpolation=interpolation)


def _pad(options: dict[str, Any]) -> dict[str, Any] | None:
    size, value = options.pop('size', None), options.pop('pad_val', 0)
    value = value.get('img', 0) if isinstance(value, Mapping) else value
    if size is None or options.pop('padding_mode', 'constant') != 'constant':
        return None
    values = [value] * 3 if isinstance(value, (int, float)) else list(value)[::-1]  # they are BGR
    return dict(op='pad', size=[int(size[1]), int(size[0])], value=[int(one) for one in values])


def _cut(options: dict[str, Any]) -> dict[str, Any] | None:
    size = options.pop('crop_size')
    return dict(op='cut', size=[size, size] if isinstance(size, int) else [int(size[1]), int(size[0])])


_STEPS = dict(Resize=_resize, Pad=_pad, CenterCrop=_cut)


def size_of(steps: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Height and width of what comes out, where that is the same for all pictures."""
    size: tuple[int, int] | None = None
    most: Sequence[int] = ()
    for step in steps:
        if step['op'] == 'cut' or step['op'] == 'resize' and not step['keep_ratio']:
            size = tuple(step['size'])
        elif step['op'] == 'resize':
            size, most = None, step['size']
        elif size is None and most and max(most) <= min(step['size']):
            size = tuple(step['size'])
    return size
