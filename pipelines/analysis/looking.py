"""What a trained row makes of every image: its answer, where that comes from, its features; and sheets of these."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.analysis import attention, attribution, embedding, sheets
from pipelines.analysis.subject import Rows, Subject, subject
from pipelines.runs import Run

SHOWN = 8  # images of a kind on a sheet
_CHECKED = 4  # images of a shard that are looked at with drawn weights, too
_HEAT = ('little of the answer comes from here', 'much of it. Blue line: the annotated box')
_LISTS = ('layers', 'stages', 'blocks', 'downsample_layers')
METHODS = ('grad-cam', 'cam', 'rollout')


@dataclass(frozen=True)
class Looks:
    """The maps of some images.

    Args:
        pixels: (N, 3, H, W).
        logits: (N, C).
        maps: by method, (N, H, W) in [0, 1], of the class that is answered.
    """
    pixels: Tensor
    logits: Tensor
    maps: dict[str, attribution.Maps]


def look(one: Subject, rows: Rows, layer: attribution.Layer) -> Looks:
    """The answers for some images, and where they come from, by every method that the network has."""
    pixels = one.images(rows)
    with torch.no_grad():
        logits = one.logits(pixels)
    answers, size = logits.argmax(dim=1), (pixels.shape[2], pixels.shape[3])
    found = {'grad-cam': attribution.grad_cam(one.network, one.logits, layer, pixels, answers),
             'cam': attribution.cam(one.network, one.logits, layer, pixels, answers)}
    if layer.form == 'tokens':
        blocks = attention.of_blocks(one.network, one.logits, pixels)
        found['rollout'] = attention.on_places(attention.rollout(blocks), layer)
    return Looks(pixels, logits, {name: attribution.enlarged(maps, size)
                                  for name, maps in found.items() if maps is not None})


def layer_of(one: Subject, rows: Rows) -> attribution.Layer:
    return attribution.find_layer(one.network, one.images(rows[:1]), one.logits)


def looked_at(rows: Rows, run: Run, split: str) -> list[dict[str, Any]]:
    """A shard of the images.

    Returns:
        ``image_id``, ``label``, ``predicted``, ``probability``, ``features``; ``area`` and, by method, ``inside`` (null
        where no box is annotated); of the first images ``random``, the rank correlation of Grad-CAM with that of drawn
        weights.
    """
    one = subject(run, split)
    layer = layer_of(one, rows)
    found = look(one, rows, layer)
    features = embedding.features(one.network, one.logits, found.pixels).cpu().numpy()
    animals = one.animals(rows) if one.has_boxes else np.zeros((len(rows), *found.pixels.shape[2:]), bool)
    shares = {name: attribution.inside(maps, animals) for name, maps in found.maps.items()}
    few = found.pixels[:_CHECKED]
    with attribution.drawn_anew(one.network):
        other = attribution.grad_cam(one.network, one.logits, layer, few, found.logits[:_CHECKED].argmax(dim=1))
    random = attribution.rank_correlation(found.maps['grad-cam'][:_CHECKED],
                                          attribution.enlarged(other, (few.shape[2], few.shape[3])))
    scores = found.logits.softmax(dim=1)
    result = []
    for i, row in enumerate(rows):
        boxed = bool(animals[i].any())
        result.append(dict(
            image_id=row['image_id'], label=row['gt_label'], predicted=int(scores[i].argmax()),
            probability=float(scores[i].max()), features=[round(float(value), 6) for value in features[i]],
            area=float(animals[i].mean()) if boxed else None,
            inside={name: float(share[0][i]) if boxed and np.isfinite(share[0][i]) else None
                    for name, share in shares.items()},
            random=float(random[i]) if i < len(random) else None))
    return result


# --- sheets ---

def _cells(one: Subject, rows: Rows, found: Sequence[dict[str, Any]], layer: attribution.Layer,
           method: str) -> list[sheets.Cell]:
    """Pairs of an image and its map."""
    seen = look(one, rows, layer)
    boxes = one.animals(rows) if one.has_boxes else None
    cells = []
    for i, (picture, row) in enumerate(zip(one.pictures(seen.pixels), found)):
        framed = sheets.outlined(picture, boxes[i]) if boxes is not None else picture
        heat = sheets.overlaid(picture, seen.maps[method][i])
        heat = sheets.outlined(heat, boxes[i]) if boxes is not None else heat
        share, area = row['inside'].get(method), row['area']
        within = '' if share is None else f'; box: {share:.0%} of it, {area:.0%} of area'
        cells += [sheets.Cell(framed, f'is {_name(one, row["label"])}'), sheets.Cell(
            heat, f'{_name(one, row["predicted"])} {row["probability"]:.2f}{within}')]
    return cells


def _name(one: Subject, label: int) -> str:
    return one.classes[label].split('.', 1)[-1].replace('_', ' ')


def write_sheets(folder: Path, one: Subject, rows: Rows, found: Sequence[dict[str, Any]]) -> dict[str, str]:
    """All picture sheets of a row; their captions by file name."""
    layer = layer_of(one, rows)
    order = sorted(range(len(found)), key=lambda i: -found[i]['probability'])
    right = [i for i in order if found[i]['predicted'] == found[i]['label']]
    wrong = [i for i in order if found[i]['predicted'] != found[i]['label']]
    captions = {}
    for kind, picks, words in (
            ('best', right[:SHOWN], 'right answers with the highest probability'),
            ('unsure', right[::-1][:SHOWN], 'right answers with the lowest probability'),
            ('worst', wrong[:SHOWN], 'wrong answers with the highest probability')):
        for method in (('grad-cam', 'rollout') if layer.form == 'tokens' else ('grad-cam',)):
            if picks:
                name = f'sheet_{method}_{kind}.jpg'
                captions[name] = _caption(one, method, words, layer)
                sheets.save(folder / name, captions[name], _cells(
                    one, [rows[i] for i in picks], [found[i] for i in picks], layer, method), columns=8, legend=_HEAT)
    if right or wrong:
        captions |= _feature_sheet(folder, one, rows[(right or wrong)[0]])
    return captions


def _caption(one: Subject, method: str, words: str, layer: attribution.Layer) -> str:
    how = dict(rollout='attention rollout', cam='CAM').get(method, f'Grad-CAM at {layer.name}')
    return (f'{one.run.name} on {one.split}: {words}. Each image; its answer, with probability, and where that '
            f'comes from ({how})')


def _feature_sheet(folder: Path, one: Subject, row: dict[str, Any]) -> dict[str, str]:
    """Stage by stage of the network, the eight channels that vary most over one image."""
    stages = feature_maps(one, one.images([row]))
    picture = one.pictures(one.images([row]))[0]
    cells = []
    for name, maps in stages.items():
        cells.append(sheets.Cell(picture, f'{name}: {maps.shape[0]} channels of {maps.shape[2]} x {maps.shape[1]}'))
        order = np.argsort(-maps.std(axis=(1, 2)), kind='stable')[:8]
        for channel in order:
            heat = attribution.enlarged(torch.from_numpy(maps[channel][None]), (picture.shape[0], picture.shape[1]))[0]
            cells.append(sheets.Cell(sheets.colours(heat), f'{channel}: {maps[channel].min():.2g} to '
                                                           f'{maps[channel].max():.2g}'))
        cells += [sheets.Cell(None)] * (8 - len(order))
    words = (f'{one.run.name}: features of one {one.split} image ({_name(one, row["gt_label"])}), stage by stage. '
             'In each line the eight channels that vary most, each from its lowest value to its highest')
    sheets.save(folder / 'sheet_features.jpg', words, cells, columns=9,
                legend=('lowest value of the channel', 'highest'))
    return {'sheet_features.jpg': words}


def feature_maps(one: Subject, pixels: Tensor, most: int = 6) -> dict[str, NDArray[np.float32]]:
    """By stage of the network, (C, h, w) of one image: copies, as later layers may write into their input."""
    name, part = attribution.body(one.network)
    tops = {f'{name}.{child}': module for child, module in _stages(part)}
    kept: dict[str, Tensor] = {}

    def keep(where: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if (tensor := attribution.tensor_of(output)) is not None:
                kept[where] = tensor.detach().clone()
        return hook

    handles = [module.register_forward_hook(keep(where)) for where, module in tops.items()]
    try:
        with torch.no_grad():
            one.logits(pixels)
    finally:
        for handle in handles:
            handle.remove()
    found = {where: maps for where, output in kept.items() if (maps := _maps(output, part, pixels)) is not None}
    names = list(found)
    chosen = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, most).round().astype(int))] if names else []
    return {where.removeprefix(f'{name}.'): found[where] for where in chosen}


def _stages(part: nn.Module) -> list[tuple[str, nn.Module]]:
    """A network's children; of lists of stages or blocks each of them."""
    found = []
    for name, child in part.named_children():
        if isinstance(child, (nn.ModuleList, nn.Sequential)) and name in _LISTS:
            found += [(f'{name}.{inner}', module) for inner, module in child.named_children()]
        else:
            found.append((name, child))
    return found


def _maps(output: Tensor, part: nn.Module, pixels: Tensor) -> NDArray[np.float32] | None:
    """(1, ...) -> (C, h, w), where the output has places."""
    one = output[0].float().cpu().numpy()
    if one.ndim == 3 and min(one.shape[1:]) > 1:
        wide = getattr(part, 'num_features', None) is not None and one.shape[0] == one.shape[1]
        return one.transpose(2, 0, 1) if wide and one.shape[2] > one.shape[0] else one
    if one.ndim == 2:
        for extra in (0, attribution.extra_tokens(part)):
            places = attribution.grid(len(one) - extra, pixels)
            if places and min(places) > 1:
                return one[extra:].reshape(*places, -1).transpose(2, 0, 1)
    return None
