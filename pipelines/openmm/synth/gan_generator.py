"""A GAN of mmagic as a generator of the synth stage."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import images, json_files
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_lines
from pipelines.openmm.synth.generators import GENERATORS, Generator
from pipelines.openmm.synth.recipes import Recipe

if TYPE_CHECKING:
    import numpy as np
    from mmengine import Config
    from numpy.typing import NDArray

DTYPES = ('float32', 'bfloat16')
_STATISTICS = '.standing/statistics.json'


@GENERATORS.register_module()
class Gan(Generator):
    """A class-conditional GAN of mmagic.

    Args:
        dtype: one of `DTYPES`, in which it samples.
        batch: images sampled together; a few last bits of an image depend on it.
        standing_batches: batches of 64 to average batch norm over before sampling; 0: the averages of the training.
        enlarged: side in pixels that images are enlarged to, bicubically; 0: they stay as drawn.
    Raises:
        InputError: another ``dtype``.
    """

    def __init__(self, recipe: Recipe, dtype: str, batch: int = 64, standing_batches: int = 16,
                 enlarged: int = 0) -> None:
        super().__init__(recipe)
        if dtype not in DTYPES:
            raise InputError(config_lines.place(recipe.config, 'sampling'), found=dtype,
                             expected=f'dtype as one of {", ".join(DTYPES)}',
                             remedy='write one of these (docs/distributed.md)')
        if batch < 1 or standing_batches < 0 or enlarged < 0:
            raise ValueError('no batch of at least 1, or standing_batches or enlarged below 0')
        self.dtype, self.batch, self.standing_batches, self.enlarged = dtype, batch, standing_batches, enlarged
        self.shard = 4 * batch
        self._network: Any = None

    def _load(self, dtype: str, statistics: Path | None = None) -> Any:
        import torch

        from pipelines.openmm.synth import gan_sampling
        from pipelines.openmm.weights import loading
        assert self.recipe.weights is not None
        return gan_sampling.load_generator(self.recipe.load(), loading.load(self.recipe.weights),
                                           dtype=getattr(torch, dtype),
                                           statistics=json_files.read(statistics) if statistics else None)

    def prepare(self, folder: Path) -> None:
        """`gan_sampling.set_standing_statistics` in float32, once for all processes that sample."""
        path = folder / _STATISTICS
        if not self.standing_batches or path.exists():
            return
        from pipelines.openmm.synth import gan_sampling
        network = self._load('float32')
        gan_sampling.set_standing_statistics(network, batches=self.standing_batches)
        path.parent.mkdir(exist_ok=True)
        json_files.write(path, {name: value.tolist() for name, value in network.state_dict().items()
                                if name.endswith(('running_mean', 'running_var'))}, indent=None)
        del network
        self.release()  # a worker is to use this GPU

    def draw(self, labels: Sequence[int], seeds: Sequence[int], folder: Path) -> Iterator[NDArray[np.uint8]]:
        from pipelines.openmm.synth import gan_sampling
        if self._network is None:
            self._network = self._load(self.dtype, folder / _STATISTICS if self.standing_batches else None)
        for picture in gan_sampling.sample(self._network, labels, seeds, batch=self.batch):
            yield images.fit(picture, self.enlarged) if self.enlarged else picture

    def take(self, cfg: Config, state: Mapping[str, Any]) -> None:
        import torch

        from pipelines.openmm.synth import gan_sampling
        self._network = gan_sampling.load_generator(cfg, state, dtype=getattr(torch, self.dtype))

    def release(self) -> None:
        import torch
        self._network = None
        torch.cuda.empty_cache()
