"""What `core/workspace.py` says that a stage writes, and what else lies there."""
from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

from pipelines.core import manifest
from pipelines.core.workspace import STAGES, Stage


def files(stage: Stage) -> set[str]:
    """Patterns of everything in a stage's folder but its manifest and its logs."""
    return {name for pattern, _ in ((stage.result, ''), *stage.writes) for name in expanded(pattern)}


def expanded(pattern: str) -> list[str]:
    """``a_{b,c}`` -> ``a_b``, ``a_c``."""
    found = re.search(r'\{([^}]*)\}', pattern)
    words = found[1].split(',') if found else ()
    return [pattern.replace(found[0], word) for word in words] or [pattern]


def strangers(folder: Path, stage: str) -> list[str]:
    """What lies in a stage's result and is not in the table."""
    known = {pattern.partition('/')[0] for pattern in files(STAGES[stage])} | {manifest.NAME, manifest.LOGS}
    return sorted(path.name for path in folder.iterdir()
                  if not path.name.startswith('.') and not any(fnmatch(path.name, pattern) for pattern in known))
