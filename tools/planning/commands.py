"""What make would run, as it says it itself: the commands of ``make -n report``."""
from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import InputError
from pipelines.core.rows import Row, recipe
from pipelines.openmm.engine import config_files

STAGES = {'data_converters.toy': 'toy', 'data_converters.convert': 'convert', 'pipelines.detect': 'detect',
          'pipelines.crop': 'crop', 'pipelines.synth': 'synth', 'pipelines.classify': 'classify',
          'pipelines.report': 'report'}
_COMMAND = re.compile(rf'\S+ -m ({"|".join(map(re.escape, STAGES))})(?=\s|$)')


@dataclass(frozen=True)
class Command:
    """One stage's command.

    Args:
        stage: its name; ``toy`` draws.
        words: its arguments.
    """
    stage: str
    words: tuple[str, ...]

    def all(self, option: str) -> list[str]:
        """The values of an option; none where it is not given."""
        if option not in self.words:
            return []
        rest = self.words[self.words.index(option) + 1:]
        end = next((number for number, word in enumerate(rest) if word.startswith('--')), len(rest))
        return list(rest[:end])

    def one(self, option: str, default: str = '') -> str:
        return next(iter(self.all(option)), default)

    def has(self, option: str) -> bool:
        return option in self.words

    def replaced(self, option: str, values: list[str]) -> Command:
        """With other values of an option that is there."""
        start = self.words.index(option) + 1
        end = start + len(self.all(option))
        return Command(self.stage, (*self.words[:start], *values, *self.words[end:]))


def parse(text: str) -> dict[str, Command]:
    """By stage, the commands in what ``make -n`` prints, as a shell would split them; of a second generator, by stage
    and recipe.

    Raises:
        InputError: there is none.
    """
    lines = re.sub(r'\\\n', ' ', text).splitlines()
    found = {}
    for line in lines:
        if match := _COMMAND.match(line.strip()):
            words = line.strip()[match.end():]
            split = subprocess.run(['sh', '-c', f'printf "%s\\0" {words}'], check=True, capture_output=True)
            parts = tuple(split.stdout.decode().split('\0')[:-1])
            command = Command(STAGES[match[1]], parts)  # synth may be there for several recipes
            found[command.stage if command.stage not in found else f'{command.stage} {config(command).stem}'] = command
    if not found:
        raise InputError('standard input', expected='what make -n report prints', found=repr(text[:80]),
                         remedy='make plan DATASET=... calls this; or: make -n report ... | python -m tools.plan ...')
    return found


def rows(command: Command) -> list[Row]:
    """Of the table."""
    return [Row.parse(text) for text in command.all('--rows')]


def seeds(command: Command) -> list[int]:
    return [int(word) for word in command.all('--seeds')] or [0, 1, 2]


def trains(command: Command) -> bool:
    """Whether a stage's recipe has a network; recombination has none."""
    return 'model' in config_files.read(config(command))


def config(command: Command) -> Path:
    """Of a stage that trains one recipe."""
    return recipe(command.one('--config'), command.stage)
