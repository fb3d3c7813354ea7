"""A row of the table: a fault, how often it was injected, and how often everything held."""
from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

_SHOWN = 10


class Broken(Exception):
    """Something that must hold did not, in words."""


# Injects the fault once, into an empty folder, and says in a few words how it went (these are counted).
Injector = Callable[[Path, random.Random], str]


@dataclass(frozen=True)
class Fault:
    """What can be injected.

    Args:
        title: of the table's row.
        count: the full one.
        prepare: makes an injector; the undisturbed runs that it compares with go to the folder it is given.
        comparison: another program's row: shown, but no failure of ours.
    """
    title: str
    count: int
    prepare: Callable[[Path], Injector]
    comparison: bool = False


@dataclass
class Row:
    """What came of one fault."""
    name: str
    fault: Fault
    asked: int
    held: int = 0
    seconds: float = 0
    tally: Counter = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    prevented: str = ''

    @property
    def injected(self) -> int:
        return self.held + len(self.broken)

    @property
    def failed(self) -> bool:
        return self.held < self.asked and not self.fault.comparison


def inject(name: str, fault: Fault, work: Path, *, count: int, seed: int, jobs: int) -> Row:
    """Inject a fault so many times, ``jobs`` at a time, and count.

    The folder of an injection that did not hold is kept: WORK/<name>/<number>.
    """
    from tqdm import tqdm

    row, start = Row(name, fault, count), time.monotonic()
    try:
        injector = fault.prepare(work)
    except Broken as error:
        row.prevented = str(error)
        return row
    folders = [work / name / f'{number:03}' for number in range(count)]
    with ThreadPoolExecutor(jobs) as pool, tqdm(total=count, desc=name, unit='fault', dynamic_ncols=True) as bar:
        def once(folder: Path) -> str:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            return injector(folder, random.Random(f'{seed} {name} {folder.name}'))

        futures = {pool.submit(once, folder): folder for folder in folders}
        try:
            for future in as_completed(futures):
                try:
                    row.tally[future.result()] += 1
                    row.held += 1
                    shutil.rmtree(futures[future])
                except Broken as error:
                    row.broken.append(f'{futures[future]}: {error}')
                bar.update()
                bar.set_postfix(held=row.held, refresh=False)
        finally:
            pool.shutdown(cancel_futures=True)
    row.seconds = time.monotonic() - start
    return row


def table(rows: list[Row], command: str) -> str:
    """Markdown, and below it how the injections of each row were spread, and what did not hold."""
    lines = ['| fault | asked | injected | held | time | command |', '|---|---|---|---|---|---|']
    lines += [f'| {row.fault.title} | {row.asked} | {row.injected} | {row.held} | {row.seconds:.0f} s | '
              f'`{command} --only {row.name}` |' for row in rows]
    lines += ['', *(f'{row.name}: ' + ', '.join(f'{number} {words}' for words, number in sorted(row.tally.items()))
                    for row in rows if row.tally)]
    for row in rows:
        lines += [f'{row.name}: did not hold: {words}' for words in sorted(row.broken)[:_SHOWN]]
        lines += [f'{row.name}: ... and {len(row.broken) - _SHOWN} more'] * (len(row.broken) > _SHOWN)
        lines += [f'{row.name}: could not be injected: {row.prevented}'] * bool(row.prevented)
    return '\n'.join(lines)
