"""Graphs as ONNX files of opset 18, and what they say against what torch says: parity, or no file."""
from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipelines.core import boxes
from pipelines.core.errors import InputError
from pipelines.openmm.export.classifier import Classifier, any_batch
from pipelines.openmm.export.detector import Detector

OPSET = 18
STEP = 32  # pixels, of height and width of the detector's input
BATCHES = (1, 2, 3, 8)
CLOSE = 1e-4  # of probabilities and scores
OVERLAP = 0.99  # IoU of a box with its own


def session(path: Path) -> Any:
    """Of onnxruntime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def write_classifier(path: Path, network: Classifier, height: int, width: int, labels: Sequence[str]) -> None:
    """``image`` (batch, 3, height, width) uint8 RGB -> ``probabilities`` (batch, C)."""
    example = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    with any_batch():
        _write(path, network, (example,), ['image'], ['probabilities'], dict.fromkeys(
            ('image', 'probabilities'), {0: 'batch'}), labels)


def write_detector(path: Path, network: Detector) -> None:
    """``image`` (1, 3, H, W) uint8 RGB, ``size`` (2) -> ``boxes`` (N, 4), ``scores`` (N), ``labels`` (N)."""
    example = torch.zeros(1, 3, 4 * STEP, 5 * STEP, dtype=torch.uint8)
    example[..., 20:90, 30:120] = 200
    outputs = ['boxes', 'scores', 'labels']
    _write(path, network, (example, torch.tensor([120, 150])), ['image', 'size'], outputs,
           {'image': {2: 'height', 3: 'width'}, **dict.fromkeys(outputs, {0: 'animals'})}, [])


def _write(path: Path, network: nn.Module, arguments: tuple[torch.Tensor, ...], inputs: list[str], outputs: list[str],
           free: dict[str, dict[int, str]], labels: Sequence[str]) -> None:
    """One file, weights inside, checked by onnx.

    By tracing: torch.export takes minutes for a classifier, and did not end for a detector whose sizes are free
    (docs/decisions.md).

    Args:
        free: of inputs and outputs, the dimensions that are not fixed.
    """
    import json

    import onnx

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter('ignore')
        torch.onnx.export(network.eval(), arguments, str(path), input_names=inputs, output_names=outputs,
                          opset_version=OPSET, dynamo=False, dynamic_axes=free)
    model = onnx.load(path)
    if labels:
        entry = model.metadata_props.add()
        entry.key, entry.value = 'labels', json.dumps(list(labels), ensure_ascii=False)
    for node in [*model.graph.node, *(node for function in model.functions for node in function.node)]:
        del node.metadata_props[:]  # traces of this machine's folders
        node.doc_string = ''
    onnx.checker.check_model(model)
    onnx.save(model, path)


def check_classifier(path: Path, network: Classifier, crops: NDArray[np.uint8]) -> float:
    """The largest difference of a probability between torch and the file, at every one of `BATCHES`.

    Args:
        crops: (N, 3, H, W) RGB, other than the export's own.
    Raises:
        InputError: more than `CLOSE`: nobody is to have that file.
    """
    run, worst = session(path), 0.
    for batch in BATCHES:
        chosen = crops[np.arange(batch) % len(crops)]
        with torch.inference_mode():
            wanted = network(torch.from_numpy(chosen)).numpy()
        found = run.run(None, {'image': chosen})[0]
        worst = max(worst, float(np.abs(found - wanted).max()) if found.shape == wanted.shape else np.inf)
    if not worst <= CLOSE:
        raise InputError(path.name, expected=f'probabilities within {CLOSE:g} of torch\'s at batches '
                         f'{", ".join(map(str, BATCHES))}', found=f'{worst:.2g} off',
                         remedy='take another recipe: this network does not survive torch.onnx. Nothing was written')
    return worst


def check_detector(path: Path, network: Detector, pictures: Sequence[tuple[NDArray[np.uint8], tuple[int, int]]]
                   ) -> dict[str, float]:
    """The file's boxes against torch's, picture by picture.

    Args:
        pictures: (1, 3, H, W) and the picture's height and width, of two sizes at least, blank ones among them.
    Returns:
        ``boxes``: how many; ``score``: the largest difference; ``iou``: the least of a box with its own.
    Raises:
        InputError: another number of boxes, scores more than `CLOSE` apart, or a box with an IoU below `OVERLAP`.
    """
    run, worst, least, count = session(path), 0., 1., 0
    for pixels, size in pictures:
        with torch.inference_mode():
            wanted = [part.numpy() for part in network(torch.from_numpy(pixels), torch.tensor(size))]
        found = run.run(None, {'image': pixels, 'size': np.array(size)})
        if len(found[0]) != len(wanted[0]):
            raise _unequal(path, f'{len(found[0])} boxes for {len(wanted[0])}')
        if len(found[0]):
            count += len(found[0])
            worst = max(worst, float(np.abs(np.sort(found[1]) - np.sort(wanted[1])).max()))
            same = found[2][:, None] == wanted[2][None]
            least = min(least, float((boxes.iou(found[0], wanted[0]) * same).max(axis=1).min()))
    if not count:
        raise _unequal(path, 'no box in any picture, so nothing was compared')
    if not (worst <= CLOSE and least >= OVERLAP):
        raise _unequal(path, f'scores {worst:.2g} off, a box with an IoU of {least:.3f}')
    return dict(boxes=count, score=worst, iou=least)


def _unequal(path: Path, found: str) -> InputError:
    return InputError(path.name, expected=f'the boxes of torch (IoU {OVERLAP}, scores within {CLOSE:g})', found=found,
                      remedy='take another detector: this one does not survive torch.onnx. Nothing was written')
