"""What an export's folder holds, made from a bundle."""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pipelines.core import bundle, images, json_files
from pipelines.core.errors import InputError
from pipelines.core.rows import Images
from pipelines.openmm.chain.inputs import InMemory
from pipelines.openmm.engine import config, network
from pipelines.openmm.export import files, steps
from pipelines.openmm.export.classifier import Classifier
from pipelines.openmm.export.detector import Detector

_HERE = Path(__file__).parent


def load(folder: Path, root: Path, classes: int, kind: str = 'full') -> tuple[Any, nn.Module]:
    """Config and network of a training, in float32 on the CPU, as its weights are."""
    cfg = config.load(folder / 'config.py', data_root=root, num_classes=classes, images=Images(kind))
    cfg.pop('speed', None)
    return cfg, network.build(cfg, folder / 'model.pth').eval()


def write(chain: bundle.Bundle, folder: Path, *, conf: float | None, target: float, licence: str) -> None:
    """Fill a folder; see `pipelines.export`.

    Raises:
        InputError: a network, a pipeline or a file that is not as it has to be.
    """
    classes, kind = len(chain.classes), chain.kind
    loaded = [load(one, chain.folder, classes, str(kind)) for one in chain.classifiers]
    steps_of = [steps.of(cfg) for cfg, _ in loaded]
    size = steps.size_of(steps_of[0])
    if size is None or any(one != steps_of[0] for one in steps_of):
        raise InputError('test_dataloader.dataset.pipeline', expected='one that gives all crops one size',
                         found=str(steps_of[0]), remedy='train a row that resizes and pads, or cuts')
    classifier = Classifier([one for _, one in loaded]).eval()
    probes = _probes(chain)
    prepare = InMemory(loaded[0][0])
    crops = np.stack([prepare(probe)['inputs'].numpy()[::-1] for probe in probes])
    files.write_classifier(folder / 'classifier.onnx', classifier, *size, chain.classes)
    parity: dict[str, Any] = dict(classifier=dict(
        batches=list(files.BATCHES), probability=files.check_classifier(folder / 'classifier.onnx', classifier,
                                                                        np.ascontiguousarray(crops))))
    rules: dict[str, Any] = dict(
        classifier=dict(size=size, steps=steps_of[0]), detector=None,
        crop=dict(shape=kind.shape, margin=kind.margin / 100, min_size=chain.card['crop']['min_size'],
                  size=chain.card['crop']['size']))
    if chain.detector:
        rules['detector'], parity['detector'] = _detector(chain, chain.detector, folder, probes)
    json_files.write(folder / 'preprocess.json', rules)
    json_files.write(folder / 'labels.json', dict(classes=chain.classes, super_classes=chain.card['super_classes']))
    promises = chain.unsure_below(target)
    json_files.write(folder / 'thresholds.json', dict(
        detection=conf, temperature=chain.temperature, target=target, unsure_below=promises))
    json_files.write(folder / 'parity.json', parity)
    shutil.copyfile(_HERE / 'example.py', folder / 'example.py')
    from pipelines.openmm.export import model_card

    (folder / 'README.md').write_text(model_card.text(chain, target, promises, licence), encoding='utf-8')


def _detector(chain: bundle.Bundle, trained: Path, folder: Path, probes: list[NDArray[np.uint8]]
              ) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write detector.onnx; what preprocess.json and parity.json say of it."""
    said = chain.card['detector']
    cfg, built = load(trained, chain.folder, said['classes'] or len(chain.classes))
    own = steps.of(cfg)
    if any(step['op'] != 'resize' for step in own):
        raise InputError('test_dataloader.dataset.pipeline', expected='resizing alone, for a detector', found=str(own),
                         remedy='export a run of Faster R-CNN (mm_configs/detect)')
    detector = Detector(built).eval()
    path = folder / 'detector.onnx'
    files.write_detector(path, detector)
    prepare = InMemory(cfg)
    shown = [prepare(probe)['inputs'].numpy()[::-1] for probe in (*probes, np.zeros((90, 130, 3), np.uint8),
                                                                   np.full((130, 90, 3), 255, np.uint8))]
    padded = [_padded(pixels) for pixels in shown]
    parity = files.check_detector(path, detector, padded)
    sizes = sorted({f'{one.shape[3]} x {one.shape[2]}' for one, _ in padded})
    return (dict(steps=own, multiple_of=files.STEP, several_classes=not said['class_agnostic']),
            dict(parity, sizes=sizes))


def _padded(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(3, h, w) -> (1, 3, H, W), grown to multiples of the step; and its height and width."""
    height, width = pixels.shape[1:]
    out = np.zeros((1, 3, *(-(-side // files.STEP) * files.STEP for side in (height, width))), np.uint8)
    out[0, :, :height, :width] = pixels
    return out, (height, width)


def _probes(chain: bundle.Bundle) -> list[NDArray[np.uint8]]:
    """Photographs of val, upright and turned, so that there are two shapes at least.

    Raises:
        InputError: the bundle has none.
    """
    pictures = [images.decode(path) for path in chain.probes]
    if not pictures:
        raise InputError(chain.folder / 'probes', expected='photographs of val, to compare the files on', found='none',
                         remedy='make the bundle where the images are: --work and --row')
    return [*pictures, *(np.ascontiguousarray(np.rot90(picture)) for picture in pictures)]
