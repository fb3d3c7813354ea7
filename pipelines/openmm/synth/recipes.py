"""A recipe of the synth stage on the data at hand: what a training, a drawing process and lint are told of it."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import fingerprint
from pipelines.openmm.engine import config_files

if TYPE_CHECKING:
    from mmengine import Config

    from pipelines.openmm.synth.generators import Generator

LOOKS = 'looks.json'  # of `collapse.CollapseHook`, beside model.pth


@dataclass(frozen=True)
class Recipe:
    """A recipe of synth for the data at hand; names and paths alone, so that any process can open it.

    Args:
        config: of mm_configs/synth, or one's own.
        crops: a crop folder.
        classes: of the crops, by label.
        weights: of the network that the recipe trains; None where it has none.
        options: ``key=value`` overrides of the config.
        gpus: processes to train and sample with.
    """
    config: Path
    crops: Path
    classes: tuple[str, ...]
    weights: Path | None = None
    options: tuple[str, ...] = ()
    gpus: int = 1

    @property
    def said(self) -> Config:
        """The config as it is written, without what belongs to the data: read in a moment, without torch."""
        return config_files.read(self.config, self.options)

    @property
    def trains(self) -> bool:
        """Whether there is a network to train."""
        return 'model' in self.said

    @property
    def watched(self) -> bool:
        """Whether its training looks at val, and ends early where samples show a failure."""
        return any(hook['type'] == 'CollapseHook' for hook in self.said.get('custom_hooks') or [])

    @property
    def digest(self) -> str:
        """SHA-256 of what its images come from: the weights or, without any, the list of the square crops of train,
        which holds that of every crop."""
        return fingerprint.sha256(self.weights or self.crops / 'square_train.json')

    def absolute(self) -> Recipe:
        return replace(self, config=self.config.absolute(), crops=self.crops.absolute(),
                       weights=self.weights and self.weights.absolute())

    def load(self) -> Config:
        from pipelines.openmm.engine import config, threads
        threads.set_threads(self.gpus)
        return config.load(self.config, data_root=self.crops, num_classes=len(self.classes), options=self.options)

    def check(self) -> Config:
        """The config, without a fault that lint can see.

        Raises:
            FoundError: everything that is wrong.
        """
        from pipelines.openmm.engine import lint
        cfg = self.load()
        lint.check([self.config], data_root=self.crops, categories=lint.named(self.classes), work=self.crops.parent,
                   gpus=self.gpus, options=self.options)
        return cfg

    def train(self, folder: Path, *, seed: int) -> None:
        from pipelines.openmm.engine import as_built, training
        cfg = self.check()
        as_built.check(cfg, dict(train=['square_train.json']))
        training.train(cfg, folder, seed=seed, title='[synth] train', gpus=self.gpus)

    def generator(self) -> Generator:
        """What draws.

        Raises:
            InputError: ``sampling`` names none, or has values that it refuses.
        """
        from pipelines.openmm.synth import generators
        return generators.build(self.said, self)
