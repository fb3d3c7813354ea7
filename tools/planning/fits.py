"""What will not fit: memory of a card or of the machine, disk, shared memory; with what to do about it."""
from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.planning import measured
from tools.planning.estimate import Line


@dataclass(frozen=True)
class Room:
    """What there is, in 10^6 bytes."""
    memory_mb: float
    disk_mb: float
    shared_mb: float

    @classmethod
    def here(cls, work: Path) -> Room:
        """Args:
            work: WORK, which need not be there yet.
        """
        place = next(folder for folder in (work.absolute(), *work.absolute().parents) if folder.is_dir())
        shared = Path('/dev/shm')
        return cls(measured.memory_mb(), shutil.disk_usage(place).free / 1e6,
                   shutil.disk_usage(shared).free / 1e6 if shared.is_dir() else 0.)


def findings(lines: Sequence[Line], room: Room) -> list[str]:
    """In words, a line for everything that will not fit."""
    found = []
    for line in lines:
        if line.known is None or line.done:
            continue
        name, card = f'{line.stage} {line.name}', line.known.device_mb
        smaller = 'lower JOBS' if line.stage == 'classify' and not card else \
            'take a smaller batch in a child of the recipe (train_dataloader.batch_size, with accumulative_counts)'
        if card and (line.known.oom or line.memory_mb > card):
            found.append(f'{name} does not fit the card: about {line.memory_mb / 1e3:,.0f} GB of '
                         f'{card / 1e3:,.0f} GB; {smaller}')
        elif not card and line.memory_mb > room.memory_mb:
            found.append(f'{name} does not fit the memory: about {line.memory_mb / 1e3:,.1f} GB of '
                         f'{room.memory_mb / 1e3:,.1f} GB; {smaller}')
        if line.shared_mb > room.shared_mb:
            found.append(f'{name}: loader workers hold up to {line.shared_mb / 1e3:,.2f} GB, /dev/shm has '
                         f'{room.shared_mb / 1e3:,.2f} GB free; docker run --shm-size={2 * line.shared_mb / 1e3:.0f}g, '
                         'or fewer num_workers')
    disk = sum(line.disk_mb for line in lines)
    if disk > room.disk_mb:
        largest = max(lines, key=lambda line: line.disk_mb)
        found.append(f'the disk is too small: about {disk / 1e3:,.1f} GB are needed, {room.disk_mb / 1e3:,.1f} GB are '
                     f'free; most is {largest.stage} {largest.name}; free some, or set WORK=/another/disk')
    return found
