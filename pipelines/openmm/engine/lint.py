"""What is wrong with an mm config, found before anything trains on it: the rules are in lint_rules.py, lint_stages.py,
lint_networks.py and lint_ablations.py.

The stages, tools/train.py and `python -m tools.lint_configs` all ask here.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputError


class FoundError(InputError):
    """Everything that is wrong, as one error.

    Args:
        findings: at least one.
    """

    def __init__(self, findings: list[InputError]) -> None:
        super().__init__(**findings[0].parts)
        self.args = ('\nerror: '.join(map(str, findings)),)
        self.findings = findings


def named(classes: Sequence[str]) -> list[dict[str, str]]:
    """Categories of a dataset whose lists say the names of its classes alone."""
    return [dict(name=name, supercategory=name) for name in classes]


def findings(config: Path, *, data_root: Path, categories: Sequence[Mapping[str, Any]], work: Path | None = None,
             gpus: int = 1, classifier_gpus: int = 1, options: Sequence[str] = (), **axes: Any) -> list[InputError]:
    """What is wrong with one config.

    Args:
        config: the file.
        data_root: what its file names are relative to.
        categories: ``name`` and ``supercategory`` of each class, in order.
        work: the folder that holds the stages' folders, for lists of the user's own; None: ``data_root``.
        gpus: that share one training of a detector or a GAN.
        classifier_gpus: that share one training of a classifier; the classify stage gives each its own.
        options: ``key=value`` overrides of the config.
        axes: what else `config.load` takes.
    """
    from pipelines.openmm.engine import config as mm
    from pipelines.openmm.engine import lint_ablations, lint_networks, lint_rules, lint_stages

    load: Callable[..., Any] = functools.partial(mm.load, data_root=data_root, num_classes=len(categories), **axes)
    try:
        cfg = load(config, options=options)
    except InputError as error:  # the rules need a config that loads
        return [error]
    names = [row['supercategory' if cfg.get('class_agnostic') else 'name'] for row in categories]
    setting = lint_rules.Setting(config, cfg, classes=list(dict.fromkeys(names)), work=work or data_root,
                                 gpus=classifier_gpus if cfg.default_scope == 'mmpretrain' else gpus,
                                 options=options, data_root=data_root, load=load)
    rules = (*lint_rules.RULES, *lint_stages.RULES, *lint_ablations.RULES,
             *(lint_networks.RULES if 'model' in cfg else ()))  # a recipe of synth may have no network
    return [finding for rule in rules for finding in rule(setting)]


def check(configs: Sequence[Path], **setting: Any) -> None:
    """Raise what `findings` finds in any of the configs.

    Raises:
        FoundError: with everything that is wrong.
    """
    if found := [finding for config in configs for finding in findings(config, **setting)]:
        raise FoundError(found)
