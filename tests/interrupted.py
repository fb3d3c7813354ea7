"""A training that is interrupted and goes on, beside one that is not."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def twice(train: Callable[[Path], Any], hook: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What ``train`` gives in ``whole``, and in ``resumed``, where it is interrupted in its third iteration.

    Args:
        train: into a folder.
        hook: that every training of it has; it is stopped there.
    """
    whole, after_train_iter = train(tmp_path / 'whole'), hook.after_train_iter

    def interrupt(self, runner, *args, **kwargs):
        if runner.iter == 2:
            raise KeyboardInterrupt
        after_train_iter(self, runner, *args, **kwargs)

    monkeypatch.setattr(hook, 'after_train_iter', interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / 'resumed')
    monkeypatch.undo()
    return whole, train(tmp_path / 'resumed')
