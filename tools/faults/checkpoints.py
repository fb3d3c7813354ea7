"""SIGKILL while a training saves a checkpoint, with one checkpoint kept; then the same command again."""
from __future__ import annotations

import random
import re
import shutil
import sys
import time
from pathlib import Path

from tools.faults.processes import Running, last_line, run
from tools.faults.row import Broken, Injector

_EPOCHS, _BALLAST = 4, 2_500_000  # checkpoints of 30 MB


def being_saved(logs: Path) -> bool:
    """Whether a checkpoint is being saved after a first one was.

    Ours is written beside, as a hidden file; mmengine's hook has by then deleted what ``last_checkpoint`` names.
    """
    note = logs / 'last_checkpoint'
    if not note.exists():
        return False
    return not (logs / Path(note.read_text()).name).exists() or any(logs.glob('.*.pth.*.partial'))


def prepare(hook: str, work: Path) -> Injector:
    """Kill the saves of `SafeCheckpointHook` (``safe``) or of mmengine's own hook (``mmengine``)."""
    command: list[str | Path] = [sys.executable, '-m', 'tools.faults.tiny_training', '--epochs', str(_EPOCHS),
                                 '--ballast', str(_BALLAST), '--hook', hook]
    whole = work / 'undisturbed' / f'training-{hook}'
    whole.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(whole, ignore_errors=True)
    with Running([*command, whole], whole.with_suffix('.log')) as running:
        seen = []
        while running.status() is None:
            seen.append((time.monotonic(), being_saved(whole / 'logs')))
            time.sleep(0.001)
    saving = sum(after[0] - before[0] for before, after in zip(seen, seen[1:]) if before[1])
    duration = saving / sum(not before[1] and after[1] for before, after in zip(seen, seen[1:]))

    def inject(folder: Path, rng: random.Random) -> str:
        out, turn = folder / 'training', 0
        while True:  # a kill that comes too late, after the save, is no injection
            shutil.rmtree(out, ignore_errors=True)
            if killed_in_save([*command, out], out / 'logs', folder, rng.uniform(0, duration),
                              skip=rng.randrange(_EPOCHS - 1)):
                break
            if (turn := turn + 1) == 20:
                raise RuntimeError(f'in {turn} attempts no kill fell into a save of about {duration:.3f} s')
        status, text = run([*command, out], folder / 'rerun.log')
        found = re.search(r'from epoch (\d+)', text)
        if status or not found or int(found[1]) == 0:
            how = f'exit status {status}' if status else 'from the beginning'
            raise Broken(f'the training could not be resumed ({how}): {last_line(text)}')
        if hook == 'safe' and _metrics(out) != _metrics(whole):
            raise Broken('the resumed training has other numbers than the undisturbed one')
        return f'resumed from epoch {found[1]}'

    return inject


def _metrics(out: Path) -> str:
    return (out / 'metrics.jsonl').read_text()


def killed_in_save(command: list, logs: Path, words: Path, delay: float, *, skip: int) -> bool:
    """Start a training and kill it inside a save.

    Args:
        command: the training.
        logs: where it saves.
        words: folder for what it says.
        delay: seconds from the beginning of the save to the kill.
        skip: saves to let pass.
    Returns:
        whether the kill fell into a save.
    """
    with Running(command, words / 'killed.log') as running:
        for saving in [True, False] * skip + [True]:
            if running.ended_before(lambda age: being_saved(logs) == saving):  # noqa: B023 (called in this turn)
                return False
        time.sleep(delay)
        return running.kill(group=True) and being_saved(logs)
