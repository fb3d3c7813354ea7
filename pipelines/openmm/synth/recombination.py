"""Recombination: the animal of one train image in the scene of another. Nothing is trained."""
from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import coco, images, json_files, lineage, shards
from pipelines.core.errors import InputError
from pipelines.openmm.synth import cutouts
from pipelines.openmm.synth.generators import GENERATORS, Generator
from pipelines.openmm.synth.recipes import Recipe

_SCRATCH = '.recombination'
_SURE = 0.5  # score from which a detected box is an animal that a scene must not keep
_CROWDED = 0.6  # of a picture under animals' boxes: above, it is no scene while there are others
_PLACES, _COARSE = 16, 32  # places of a scene that are compared; pixels a side to do so
_EDGE = 0.01  # of a photograph's side: an animal's box that comes so near is ended by the photograph
_SHARD = 32  # images to take apart


@dataclass(frozen=True)
class Source:
    """A train image with an animal.

    Args:
        id, label: of the image.
        file: the photograph.
        box: of its animal, xyxy in the photograph.
        others: boxes of all its animals.
        side: of its square crop, in pixels of the photograph.
        size: of its square crop, in pixels of the crop's file.
        crowded: share of the photograph under `others`.
        ends: whether the photograph ends the animal: left, top, right, bottom.
    """
    id: int
    label: int
    file: Path
    box: tuple[float, ...]
    others: tuple[tuple[float, ...], ...]
    side: int
    size: int
    crowded: float
    ends: tuple[bool, bool, bool, bool]


@dataclass(frozen=True)
class Plan:
    """An image to compose: whose animal, whose scene, and where the animal's box lies in it.

    Args:
        size: of the image, a side in pixels.
        corner, extent: of the box, in pixels: x and y; width and height.
    """
    animal: Source
    scene: Source
    size: int
    corner: tuple[int, int]
    extent: tuple[int, int]
    flip: bool


@GENERATORS.register_module()
class Recombination(Generator):
    """The animal of each train image in turn, scaled and flipped, in the scene of another train image of any class.

    An image is as large as the square crop of its animal. Of the places in a scene, that is taken where the animal
    hides the most of what was inpainted.

    Args:
        longer: the longer side of the animal's box, smallest and largest, as a share of the image's side.
        shift: how far its middle may lie from the image's, as a share of the side.
        flip: share of animals that look the other way.
    Raises:
        ValueError: shares outside of 0 to 1.
    Source: after Dwibedi et al. 2017, Cut, Paste and Learn (arXiv 1708.01642), and Nauen et al. 2025, ForAug
        (arXiv 2503.09399).
    """

    def __init__(self, recipe: Recipe, longer: Sequence[float] = (0.7, 0.95), shift: float = 0.08, flip: float = 0.5
                 ) -> None:
        super().__init__(recipe)
        if not (0 < longer[0] <= longer[1] <= 1 and 0 <= shift <= 1 and 0 <= flip <= 1):
            raise ValueError('longer, shift or flip outside of 0 to 1')
        self.longer, self.shift, self.flip = longer, shift, flip

    def engine(self) -> shards.Engine:
        """A process per CPU; no GPU has a part in it."""
        return shards.Engine()

    def inputs(self) -> dict[str, Path]:
        """Raises:
            InputError: a list of photographs or of boxes that is not there.
        """
        work, crops = self.recipe.crops.parent, self.recipe.crops
        found = {'crop/full_train.json': crops / 'full_train.json', 'convert/train.json': work / 'convert/train.json'}
        detections = work / 'detect/detections.json'
        if detections.exists() and any(row['box_source'] in lineage.DETECTED for row in self._rows):
            found['detect/detections.json'] = detections
        for name, path in found.items():
            if not path.exists():
                raise InputError(path, expected='what recombination takes scenes and animals from', found='nothing',
                                 remedy=f'run make {name.split("/")[0]}')
        return found

    @functools.cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return lineage.read_list(self.recipe.crops / 'square_train.json')[1]

    @functools.cached_property
    def sources(self) -> dict[int, Source]:
        """By id, the train images whose animal has a box.

        Raises:
            InputError: a class, or all, without one.
        """
        crops, files = self.recipe.crops, self.inputs()
        whole = {row['image_id']: row for row in lineage.read_list(files['crop/full_train.json'])[1]}
        boxes = _all_boxes(files)
        found = {}
        for row in self._rows:
            if row['box'] is None or row['image_id'] not in whole:
                continue
            photograph = whole[row['image_id']]
            others = tuple(dict.fromkeys([tuple(row['box']), *boxes.get(row['image_id'], ())]))
            found[row['image_id']] = Source(
                row['image_id'], row['gt_label'], crops / photograph['img_path'], tuple(row['box']), others,
                row['crop'][2] - row['crop'][0], max(images.size(crops / row['img_path'])),
                sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in others) / np.prod(photograph['crop'][2:]),
                _ends(row['box'], *photograph['crop'][2:]))
        missing = [name for label, name in enumerate(self.recipe.classes)
                   if not any(source.label == label for source in found.values())]
        if missing or len(found) < 2:
            raise InputError(crops / 'square_train.json', expected='an image with a box in each class, and two in all',
                             found=f'none of {", ".join(missing[:3])}' if missing else str(len(found)),
                             remedy='annotate some, or take another generator (SYNTH)')
        return found

    @functools.cached_property
    def _animals(self) -> list[list[Source]]:
        return [[source for source in self.sources.values() if source.label == label]
                for label in range(len(self.recipe.classes))]

    @functools.cached_property
    def _scenes(self) -> list[Source]:
        free = [source for source in self.sources.values() if source.crowded <= _CROWDED]
        return free if len(free) > 1 else list(self.sources.values())

    def plan(self, label: int, seed: int) -> Plan:
        """What an image is made of: the animals of a class in turn, everything else drawn by the seed."""
        rng, animals = np.random.default_rng(seed), self._animals[label]
        animal = animals[seed % len(animals)]
        scenes = [scene for scene in self._scenes if scene.id != animal.id]
        scene = scenes[rng.integers(len(scenes))]
        size = animal.size
        sides = np.array([animal.box[2] - animal.box[0], animal.box[3] - animal.box[1]])
        extent = np.maximum((sides / sides.max() * rng.uniform(self.longer[0], self.longer[1]) * size).round(), 1)
        middle = size / 2 + rng.uniform(-self.shift, self.shift, 2) * size
        corner, flip = np.clip((middle - extent / 2).round(), 0, size - extent), bool(rng.random() < self.flip)
        left, top, right, bottom = animal.ends
        for axis, (first, last) in enumerate(((right, left) if flip else (left, right), (top, bottom))):
            if first or last:  # or it would end in a straight line amid the scene
                corner[axis] = size - extent[axis] if last else 0
        return Plan(animal, scene, size, (int(corner[0]), int(corner[1])), (int(extent[0]), int(extent[1])), flip)

    def lineage(self, label: int, seed: int) -> dict[str, Any]:
        """Parents, the animal's first; the animal's box, and the image as its own crop."""
        plan = self.plan(label, seed)
        (x, y), (width, height) = plan.corner, plan.extent
        return dict(parents=[plan.animal.id, plan.scene.id], box=[x, y, x + width, y + height],
                    crop=[0, 0, plan.size, plan.size])

    def prepare(self, folder: Path) -> None:
        """Take every train image apart, into its animal and its scene."""
        (scratch := folder / _SCRATCH).mkdir(exist_ok=True)
        done = shards.run(_take_apart, self.sources.values(), (scratch,), scratch / '.shards', size=_SHARD,
                          total=len(self.sources), title='synth: cut out', engine=self.engine())
        found = sum(shards.results(done))
        print(f'[synth] of {len(self.sources)} animals, {found} cut out by GrabCut, the others as ellipses')

    def draw(self, labels: Sequence[int], seeds: Sequence[int], folder: Path) -> Iterator[NDArray[np.uint8]]:
        import cv2

        cv2.setNumThreads(1)  # the processes are the parallel part
        for label, seed in zip(labels, seeds):
            yield compose(self.plan(label, seed), seed, folder / _SCRATCH)


def _ends(box: Sequence[float], width: int, height: int) -> tuple[bool, bool, bool, bool]:
    """Which edges of a photograph a box comes to: left, top, right, bottom."""
    x1, y1, x2, y2 = box
    return x1 <= _EDGE * width, y1 <= _EDGE * height, x2 >= (1 - _EDGE) * width, y2 >= (1 - _EDGE) * height


def _all_boxes(files: dict[str, Path]) -> dict[int, list[tuple[float, ...]]]:
    """By image, xyxy of all annotated boxes and, where crops were cut by detected ones, of those that are sure."""
    rows = [row for rows in coco.read(files['convert/train.json']).annotations.values() for row in rows]
    if 'detect/detections.json' in files:
        rows += [row for row in json_files.read(files['detect/detections.json']) if row.get('score', 1) >= _SURE]
    found: dict[int, list[tuple[float, ...]]] = {}
    for row in rows:
        x, y, width, height = row['bbox']
        found.setdefault(row['image_id'], []).append((x, y, x + width, y + height))
    return found


def _take_apart(sources: list[Source], scratch: Path) -> int:
    """Write ``<id>-animal.png`` (RGBA), ``<id>-scene.jpg`` and ``<id>-hole.png`` of a few images.

    Returns:
        how many animals GrabCut found.
    """
    import cv2

    cv2.setNumThreads(1)
    found = 0
    for source in sources:
        picture = images.read(source.file)
        scale = min(1.0, source.size / source.side) * picture.scale  # so that the crop is as large as its file
        boxes = picture.shrunk(source.others) * scale
        pixels = picture.pixels
        if scale < 1:
            pixels = images.fit(pixels, max(round(max(pixels.shape) * scale), 1))
        animal, grabbed = cutouts.cut(pixels, boxes[0])
        found += grabbed
        scene, hole = cutouts.scene(pixels, [(boxes[0], animal[..., 3] if grabbed else None),
                                             *((box, None) for box in boxes[1:])])
        coarse = cv2.resize(hole, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        for name, content in (('animal.png', cv2.imencode('.png', cv2.cvtColor(animal, cv2.COLOR_RGBA2BGRA))[1]),
                              ('hole.png', cv2.imencode('.png', coarse)[1])):
            (scratch / f'{source.id}-{name}').write_bytes(content.tobytes())
        (scratch / f'{source.id}-scene.jpg').write_bytes(images.encode_jpeg(scene, 95))
    return found


def compose(plan: Plan, seed: int, scratch: Path) -> NDArray[np.uint8]:
    """One image, from what `_take_apart` left.

    Args:
        seed: of the places that are compared.
    """
    import cv2

    def read(name: str) -> Any:
        return cv2.imdecode(np.frombuffer((scratch / name).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)

    animal: Any = cv2.cvtColor(read(f'{plan.animal.id}-animal.png'), cv2.COLOR_BGRA2RGBA)
    scene, hole = images.decode(scratch / f'{plan.scene.id}-scene.jpg'), read(f'{plan.scene.id}-hole.png')
    x, y, side = _place(plan, animal[..., 3], hole, scene.shape[:2], np.random.default_rng([seed, 1]))
    ground = images.fit(scene[y:y + side, x:x + side], plan.size)
    return cutouts.put(animal, ground, plan.corner, plan.extent, flip=plan.flip)


def _place(plan: Plan, alpha: NDArray[np.uint8], hole: NDArray[np.uint8], shape: tuple[int, ...],
           rng: np.random.Generator) -> tuple[int, int, int]:
    """x, y and side of the square of a scene in which the animal leaves the least of the hole to see, of `_PLACES`."""
    import cv2

    height, width = shape
    covered = cutouts.put(np.dstack([np.full((*alpha.shape, 3), 255, np.uint8), alpha]),
                          np.zeros((plan.size, plan.size, 3), np.uint8), plan.corner, plan.extent, flip=plan.flip)
    seen = 255 - cv2.resize(covered[..., 0], (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).astype(float)
    best, least = (0, 0, min(height, width)), float('inf')
    for _ in range(_PLACES):
        side = min(round(plan.size * rng.uniform(0.9, 1.3)), height, width)  # as sharp as the animal, where it can be
        x, y = (int(rng.integers(length - side + 1)) for length in (width, height))
        part = hole[y // 4:max((y + side) // 4, y // 4 + 1), x // 4:max((x + side) // 4, x // 4 + 1)]
        shown = float((cv2.resize(part, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA) * seen).sum())
        if shown < least:
            best, least = (x, y, side), shown
    return best
