"""Rules of lint about networks: what would fail, or mean something else, once they are built and trained."""
from __future__ import annotations

from pipelines.core.errors import InputError
from pipelines.openmm.engine import signatures
from pipelines.openmm.engine.lint_rules import Findings, Setting


def attack(setting: Setting) -> Findings:
    """Values that make no attack."""
    from pipelines.openmm.classify import adversarial

    for key in ('attack', 'val_attack'):
        given = dict(setting.cfg.model.get(key) or {})
        known = signatures.taken(given, f'model.{key}', None) or ()  # of other names the rule of unknown keys speaks
        try:
            adversarial.read({name: value for name, value in given.items() if name in known})
        except InputError as error:
            yield setting.finding(f'model.{key}', **{
                part: error.parts[part] for part in ('expected', 'found', 'remedy')})


RULES = (attack,)
