"""A rectified flow as a generator of the synth stage."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.openmm.synth.gan_generator import DTYPES
from pipelines.openmm.synth.generators import GENERATORS, Generator
from pipelines.openmm.synth.recipes import Recipe

if TYPE_CHECKING:
    import numpy as np
    from mmengine import Config
    from numpy.typing import NDArray


@GENERATORS.register_module()
class Flow(Generator):
    """A class-conditional flow, of which images are drawn with the averaged weights.

    Args:
        dtype: one of `DTYPES`, in which its network computes; points on the way are float32.
        batch: images drawn together; a few last bits of an image depend on it.
        steps: of Heun's method from noise to image; each asks the network twice.
        guidance: towards the class; 1: none, in half the time.
    Raises:
        ValueError: a value that is none of these.
    """

    def __init__(self, recipe: Recipe, dtype: str, batch: int = 64, steps: int = 12, guidance: float = 1.5) -> None:
        super().__init__(recipe)
        if dtype not in DTYPES:
            raise ValueError(f'dtype {dtype}, none of {", ".join(DTYPES)}')
        if batch < 1 or steps < 1 or guidance < 0:
            raise ValueError(f'batch {batch} or steps {steps} below 1, or guidance {guidance} below 0')
        self.dtype, self.batch, self.steps, self.guidance = dtype, batch, steps, guidance
        self.shard = 4 * batch
        self._network: Any = None

    def draw(self, labels: Sequence[int], seeds: Sequence[int], folder: Path) -> Iterator[NDArray[np.uint8]]:
        import torch

        from pipelines.openmm.synth import flow_sampling
        from pipelines.openmm.weights import loading
        if self._network is None:
            assert self.recipe.weights is not None
            self.take(self.recipe.load(), loading.load(self.recipe.weights))
        return flow_sampling.sample(self._network, labels, seeds, batch=self.batch, steps=self.steps,
                                    guidance=self.guidance, dtype=getattr(torch, self.dtype))

    def take(self, cfg: Config, state: Mapping[str, Any]) -> None:
        from pipelines.openmm.synth import flow_sampling
        self._network = flow_sampling.load_network(cfg, state)

    def release(self) -> None:
        import torch
        self._network = None
        torch.cuda.empty_cache()
