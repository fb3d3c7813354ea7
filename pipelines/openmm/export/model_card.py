"""The model card of an export, as Hugging Face reads it: README.md with YAML in front."""
from __future__ import annotations

from typing import Any

import yaml

from pipelines.core import answers
from pipelines.core.bundle import Bundle

_TEXT = """# {row}, trained on {dataset}

{what}

    pip install numpy pillow onnxruntime
    python example.py photo.jpg

| file | what |
|---|---|
{files}

## What it says

{classes} classes: {names}.

{promises}

Val is of the photographs that it was trained with. Other cameras, places and seasons can be harder, and a class that it
was never shown gets the name of another.

## How it was made

Trained on {images} images of `{dataset}`; the epoch, the thresholds and the temperature were chosen on {val} images
of val, where {top1:.1%} of the best classes are right. Scores are the mean over {seeds}. Every file was compared with
torch before it was written: `parity.json`.

SHA-256 of what was exported:

{digests}
"""
_INPUTS = [
    ('detector.onnx', '`image` (1, 3, H, W) uint8 RGB, H and W multiples of 32, and `size` (2: height and width '
                      'without the padding) in; `boxes` (N, 4), `scores`, `labels` out'),
    ('classifier.onnx', '`image` (batch, 3, height, width) uint8 RGB in, `probabilities` (batch, classes) out'),
    ('preprocess.json', 'what becomes of a photograph before it comes to them'),
    ('labels.json', 'classes and super-classes'), ('thresholds.json', 'from val'),
    ('example.py', 'all of it with numpy, Pillow and onnxruntime')]


def text(chain: Bundle, target: float, promises: dict[str, dict[str, Any]], licence: str) -> str:
    """Args:
        promises: by level, `Bundle.unsure_below`.
    """
    said, val = chain.card, chain.card['val']
    head = dict(license=licence, library_name='onnx', pipeline_tag='image-classification',
                tags=['fine-grained', 'onnxruntime', *(['object-detection'] if said['detector'] else [])],
                datasets=[said['trained_on']['dataset']],
                **{'model-index': [dict(name=said['row'], results=[dict(
                    task=dict(type='image-classification'),
                    dataset=dict(name=f'{said["trained_on"]["dataset"]}, val', type=said['trained_on']['dataset'],
                                 split='validation'),
                    metrics=[dict(type='accuracy', value=val['top1'], name='top-1')])])]})
    rows = _INPUTS[0 if said['detector'] else 1:]
    rest = len(chain.classes) - 20
    names = ', '.join(chain.classes[:20]) + (f' and {rest} more' if rest > 0 else '')
    body = _TEXT.format(
        row=said['row'], dataset=said['trained_on']['dataset'], names=names, classes=len(chain.classes),
        what=f'It finds every animal in a photograph (Faster R-CNN, {said["detector"]["recipe"]}) and says what it is.'
        if said['detector'] else 'It says what a photograph shows.',
        files='\n'.join(f'| `{name}` | {what} |' for name, what in rows),
        promises='\n'.join(f'- {level}: {answers.promise(row, target)}.' for level, row in promises.items()),
        images=said['trained_on']['images'], val=val['images'], top1=val['top1'],
        seeds=f'{len(said["seeds"])} seeds' if len(said['seeds']) > 1 else 'one seed',
        digests='\n'.join(f'- `{name}` {sha256}' for name, sha256 in said['files'].items() if name.endswith('.pth')))
    return f'---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n{body}'
