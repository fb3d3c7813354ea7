"""A small stage."""
from __future__ import annotations

from pathlib import Path

from pipelines.core import manifest


class Stopped(BaseException):
    pass


def build_copy(source: Path, out: Path, **parameters) -> bool:
    def build(folder: Path) -> None:
        (folder / 'copy.txt').write_text((source / 'a.txt').read_text() + str(parameters))

    return manifest.produce(out, 'copy', parameters, {'source': source}, build)
