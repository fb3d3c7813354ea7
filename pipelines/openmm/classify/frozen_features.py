"""Vectors that a frozen network gives for images, computed once and kept: WORK/DATASET/features/KEY/.

KEY is of all that decides a vector besides the image: the weights and the config of backbone and neck, what is done to
an image before them, precision, kind of device and versions. The image is known by its SHA-256. So rows, seeds and
splits that agree in these share their vectors; other weights have a folder of their own.

Vectors are written in parts, each of whole batches in the order of the list: an interrupted computation goes on after
the last part, and to the same numbers.
"""
from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from filelock import FileLock
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmpretrain.structures import DataSample
from torch.utils.data import DataLoader, Dataset, Subset

from pipelines.core import fingerprint, json_files
from pipelines.core.errors import InputError
from pipelines.core.files import replacing
from pipelines.openmm.engine.config import FEATURE_CACHE, walk
from pipelines.openmm.engine.devices import device, repeatable

if TYPE_CHECKING:
    from mmengine import Config

FOLDER = 'features'
PACKAGES = ('torch', 'torchvision', 'timm', 'onedl-mmcv', 'onedl-mmpretrain', 'opencv-python-headless', 'numpy')
_PART, _BATCH = 8, 64  # batches, and images at most in one


class Store:
    """Vectors by the SHA-256 of their image.

    Args:
        folder: of one key; made where it is not there.
        about: what the key says, for whoever looks.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / 'about.json').exists():
            json_files.write(folder / 'about.json', dict(about))

    def read(self) -> dict[str, np.ndarray]:
        """All there are. A part that cannot be read was not written by this, and is removed."""
        found = dict[str, np.ndarray]()
        for path in sorted(self.folder.glob('part-*.npz')):
            try:
                with np.load(path, allow_pickle=False) as part:
                    found.update(zip(part['sha256'].tolist(), part['vectors'], strict=True))
            except Exception as error:  # numpy raises nearly anything on damaged bytes
                print(f'[features] {path}: {type(error).__name__}; it is computed again')
                path.unlink()
        return found

    def add(self, names: Sequence[str], vectors: np.ndarray) -> None:
        """Args:
            names: SHA-256 of N images.
            vectors: (N, C) float32.
        """
        packed = io.BytesIO()
        np.savez(packed, sha256=np.array(names), vectors=vectors)
        name = hashlib.sha256(''.join(names).encode()).hexdigest()[:16]
        with replacing(self.folder / f'part-{name}.npz', binary=True) as stream:
            stream.write(packed.getbuffer())


class Vectors(Dataset):
    """A dataset's vectors in place of its images.

    Args:
        dataset: whose images they are of.
        vectors: (N, C), of each of its images.
    """

    def __init__(self, dataset: Any, vectors: np.ndarray) -> None:
        self.vectors, self.metainfo = torch.from_numpy(vectors), getattr(dataset, 'metainfo', {})
        self.infos = [_info(dataset, index) for index in range(len(dataset))]
        self.score = getattr(dataset, 'score', lambda index, label: None)  # of `mixing.WithSynthetic`

    def __len__(self) -> int:
        return len(self.infos)

    def __getitems__(self, indices: list[int]) -> dict[str, Any]:
        """A batch, as a loader without a `collate_fn` of its own takes it."""
        samples = []
        for index in indices:
            path, label, _ = self.infos[index]
            samples.append(DataSample(metainfo=dict(img_path=path, sample_idx=index)).set_gt_label(label))
            if (score := self.score(index, label)) is not None:
                samples[-1].set_gt_score(score)
        return dict(inputs=self.vectors[indices], data_samples=samples)


def _info(dataset: Any, index: int) -> tuple[str, int, str]:
    """Path, label and SHA-256 of an image."""
    info = dataset.get_data_info(index)
    return info['img_path'], info['gt_label'], info.get('sha256') or fingerprint.sha256(info['img_path'])


def loader(cfg: Config, split: str, network: Any, images: DataLoader) -> DataLoader:
    """The batches of a loader of images, with the vectors that a network gives for them.

    Args:
        cfg: the network's.
        split: whose loader it is.
        network: a `FrozenClassifier` on its device; it is in evaluation mode afterwards as before.
        images: as built for the split.
    Raises:
        InputError: images of one split that are prepared in different ways, or a network without vectors.
    """
    dataset: Any = images.dataset
    names = [_info(dataset, index)[2] for index in range(len(dataset))]
    about = _about(cfg, split, network)
    key = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:16]
    store = Store(Path(cfg.data_root) / FOLDER / key, about)
    with FileLock(store.folder / '.lock'):  # another seed of the row computes the same
        found = store.read()
        missing = list({name: index for index, name in reversed(list(enumerate(names))) if name not in found}.values())
        for indices, vectors in _compute(network, images, sorted(missing)):
            store.add([names[index] for index in indices], vectors)
            found.update(zip((names[index] for index in indices), vectors))
    vectors = Vectors(dataset, np.stack([found[name] for name in names]))
    return DataLoader(vectors, batch_sampler=images.batch_sampler, collate_fn=lambda batch: batch)


def _compute(network: Any, images: DataLoader, missing: list[int]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Indices and vectors of some images, in parts."""
    if not missing:
        return
    from tqdm import tqdm

    batch = min(images.batch_size or _BATCH, _BATCH)
    of = DataLoader(Subset(images.dataset, missing), batch_size=batch, num_workers=images.num_workers,
                    collate_fn=images.collate_fn)
    was = network.training
    network.train(False)
    try:
        with tqdm(total=len(missing), desc='[features]', unit='img', dynamic_ncols=True,
                  disable=not is_main_process()) as bar:
            done, part = 0, []
            for number, data in enumerate(of, 1):
                with torch.inference_mode(), repeatable(tf32=True):
                    inputs = network.data_preprocessor(data, False)['inputs']
                    part.append(network(inputs, mode='feature').float().cpu().numpy())
                bar.update(len(part[-1]))
                if number % _PART == 0 or number == len(of):
                    vectors = np.concatenate(part)
                    yield missing[done:done + len(vectors)], vectors
                    done, part = done + len(vectors), []
    finally:
        network.train(was)


def _about(cfg: Config, split: str, network: Any) -> dict[str, Any]:
    """All that decides a vector besides its image."""
    from pipelines.core.manifest import versions

    model = cfg.model.to_dict()
    pipelines = [value for key, value in walk(cfg[f'{split}_dataloader'].dataset.to_dict(), 'dataset')
                 if key.endswith('.pipeline')]
    if not pipelines or any(other != pipelines[0] for other in pipelines):
        raise InputError(f'{split}_dataloader.dataset', expected='one pipeline for all of its images, as a frozen '
                         'network sees each once', found=f'{len(pipelines)} different ones', remedy='let them agree')
    return dict(weights=digest(network), backbone=_without_start(model['backbone']), neck=model.get('neck'),
                preprocessor={**(cfg.get('data_preprocessor') or {}), **(model.get('data_preprocessor') or {})},
                pipeline=pipelines[0], speed=cfg.get('speed', {}), device=device().partition(':')[0],
                versions=versions(PACKAGES))


def _without_start(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != 'init_cfg'}


def digest(network: Any) -> str:
    """SHA-256 of the names and values of backbone and neck."""
    total = hashlib.sha256()
    for name, value in network.state_dict().items():
        if name.startswith(('backbone.', 'neck.')):
            total.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


@HOOKS.register_module(name=FEATURE_CACHE, force=True)
class FeatureCacheHook(Hook):
    """A frozen network sees each image of train and val once: the loaders hand out its vectors in all epochs."""
    priority = 'LOW'  # after weights are loaded, before the first batch

    def before_train(self, runner: Any) -> None:
        network = getattr(runner.model, 'module', runner.model)
        of = functools.partial(loader, runner.cfg, network=network)
        runner.train_loop.dataloader = of('train', images=runner.train_loop.dataloader)
        if runner.val_loop is not None:
            runner.val_loop.dataloader = of('val', images=runner.val_loop.dataloader)
