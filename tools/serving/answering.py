"""A chain that answers one photograph at a time, from its bytes: predict's JSON, and pictures for the page."""
from __future__ import annotations

import base64
import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import answers, images, predictions
from pipelines.core.bundle import Bundle
from pipelines.core.errors import InputError

NAME = 'photograph'  # in place of a file's name: what a client calls it is never used
_SIDE = 320  # pixels of a crop on the page


class Answering:
    """Args:
        bundle: whose chain.
        conf: detections with a lower score do not count; None: the bundle's own threshold.
        rules: when an answer is sure.
        top: classes that are listed for an animal.
    """

    def __init__(self, bundle: Bundle, conf: float | None, rules: answers.Rules, top: int) -> None:
        from pipelines.openmm.chain.chain import Chain
        from pipelines.openmm.engine import speed

        self.bundle, self.rules, self.top = bundle, rules, min(top, len(bundle.classes))
        self._chain = Chain(bundle, conf=conf)
        self._pool = ThreadPoolExecutor(speed.cpus())
        self._map = _Map(bundle)
        self._chain([images.Picture(np.zeros((64, 64, 3), np.uint8), '444', (64, 64), 1)], self._pool)  # warm

    def __call__(self, data: bytes, pictures: bool) -> dict[str, Any]:
        """predict's JSON for one photograph; one that cannot be read has ``failure``.

        Args:
            data: of the file.
            pictures: a detection has ``crop`` and ``map``, too, as data URIs.
        """
        from pipelines.openmm.chain.files import row

        head = predictions.head(self.bundle, self._chain.conf, self.rules.below['class'])
        try:
            picture = images.parse(data, NAME)
        except InputError as error:
            failure = f'expected {error.parts["expected"]}, found {error.parts["found"]}'
            return dict(head, images=[predictions.as_megadetector(dict(file=NAME, failure=failure))])
        animals = self._chain([picture], self._pool)[0]
        record = dict(file=NAME, size=list(picture.size), animals=[
            row(animal, self.rules, self.top) for animal in animals])
        image = predictions.as_megadetector(record)
        if pictures:
            for animal, said in zip(animals, image['detections']):
                said.update(crop=_uri(animal.crop), map=_uri(self._map(animal.crop, int(animal.scores.argmax()))))
        return dict(head, images=[image])


class _Map:
    """Where the first classifier's answer comes from: Grad-CAM over what it saw."""

    def __init__(self, bundle: Bundle) -> None:
        from pipelines.core.rows import Images
        from pipelines.openmm import attacks
        from pipelines.openmm.chain.inputs import InMemory
        from pipelines.openmm.engine import config, network
        from pipelines.openmm.engine.devices import device

        folder = bundle.classifiers[0]
        cfg = copy.deepcopy(config.load(folder / 'config.py', data_root=bundle.folder, num_classes=len(bundle.classes),
                                        images=Images(str(bundle.kind))))
        cfg.speed = {}  # float32: under autocast gradients round to zero
        self._network = network.build(cfg, folder / 'model.pth').to(device()).eval()
        self._network.requires_grad_(False)
        self._prepare, self._pixels = InMemory(cfg), attacks.Pixels(self._network)
        self._layer: Any = None

    def __call__(self, crop: NDArray[np.uint8], label: int) -> NDArray[np.uint8]:
        """(H, W, 3): the network's input in grey, with the map of a class over it."""
        import torch

        from pipelines.analysis import attribution, sheets

        batch = self._network.data_preprocessor(dict(inputs=[self._prepare(crop)['inputs']]), training=False)
        pixels = self._pixels.of(batch['inputs'].float())
        if self._layer is None:
            self._layer = attribution.find_layer(self._network, pixels, self._pixels.logits)
        maps = attribution.grad_cam(self._network, self._pixels.logits, self._layer, pixels,
                                    torch.tensor([label], device=pixels.device))
        heat = attribution.enlarged(maps, (pixels.shape[2], pixels.shape[3]))[0]
        seen = (pixels[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return sheets.overlaid(seen, heat)


def _uri(picture: NDArray[np.uint8]) -> str:
    small = images.fit(picture, _SIDE) if max(picture.shape[:2]) > _SIDE else picture
    return 'data:image/jpeg;base64,' + base64.b64encode(images.encode_jpeg(small, 90)).decode()
