"""Generators behind one contract: a recipe says in ``sampling`` what draws its images, trained or not.

    sampling = dict(type='Gan', dtype='float32')

A new generator is a recipe, and a class with `GENERATORS.register_module()` in a module that `GENERATORS` names, which
imports torch in its methods only: whether a result is up to date is said in a moment. A recipe without ``model`` has
nothing to train.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.registry import Registry

from pipelines.core import shards
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_lines
from pipelines.openmm.synth.recipes import Recipe

if TYPE_CHECKING:
    import numpy as np
    from mmengine import Config
    from numpy.typing import NDArray

GENERATORS = Registry('generator', scope='mmagic', locations=[
    f'pipelines.openmm.synth.{name}' for name in ('gan_generator', 'flow_generator', 'recombination')])


class Generator(ABC):
    """Draws images of a class. Its constructor looks at settings only; weights are loaded by the first `draw`.

    Args:
        recipe: what it draws for.
        settings: of a subclass: the other keys of ``sampling``.
    """
    shard = 256  # images: the most that an interrupted sampling does twice

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def engine(self) -> shards.Engine:
        """Who draws: as many processes as train."""
        return shards.Engine(self.recipe.gpus, option='--gpus')

    def inputs(self) -> dict[str, Path]:
        """What it reads besides the lists of square crops and the weights, by the name in the manifest."""
        return {}

    def lineage(self, label: int, seed: int) -> dict[str, Any]:
        """What an image's row says besides its generator and seed: ``parents``, ids of the images it is made of."""
        return {}

    def prepare(self, folder: Path) -> None:  # noqa: B027 (most have nothing to do)
        """What all processes need, once, before the first image; goes on where it was interrupted.

        Args:
            folder: gets scratch, in hidden folders.
        """

    @abstractmethod
    def draw(self, labels: Sequence[int], seeds: Sequence[int], folder: Path) -> Iterator[NDArray[np.uint8]]:
        """One square (H, W, 3) RGB image for each (label, seed), which decide it, with the recipe and its digest.

        Args:
            labels, seeds: of the images of one shard.
            folder: that `prepare` had.
        """

    def take(self, cfg: Config, state: Mapping[str, Any]) -> None:
        """Draw with the weights of a network at hand instead of those of a file, and without `prepare`.

        Args:
            cfg: the recipe's, loaded.
            state: the state dict of what it trains.
        """
        raise TypeError(f'{type(self).__name__} has no network')

    def release(self) -> None:  # noqa: B027
        """Give back what it holds, as memory of a GPU."""


def build(cfg: Config, recipe: Recipe) -> Generator:
    """The generator that a config names.

    Raises:
        InputError: it names none, or gives it values that it refuses.
    """
    asked = cfg.get('sampling') or {}
    GENERATORS.import_from_location()
    if (kind := GENERATORS.module_dict.get(asked.get('type'))) is None:
        known = ', '.join(sorted(GENERATORS.module_dict))
        raise InputError(config_lines.place(recipe.config, 'sampling'), expected=f'dict(type=...) with one of {known}',
                         found=str(dict(asked)) if asked else 'nothing',
                         remedy='say what draws the images: sampling = dict(type=...), or take the base that does')
    try:
        return kind(recipe, **{name: value for name, value in asked.items() if name != 'type'})
    except (TypeError, ValueError) as error:
        raise InputError(config_lines.place(recipe.config, 'sampling'), expected=f'what {kind.__name__} takes',
                         found=str(error), remedy=f'correct it: {kind.__module__}') from None
