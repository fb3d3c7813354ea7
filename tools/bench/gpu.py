"""Everything that only a GPU can show, in steps with a time limit each, the most telling first.

    make bench-gpu                                    all steps; each has a limit
    python -m tools.bench.gpu --minutes 8             no step begins after that; it says which are left
    python -m tools.bench.gpu --only biggan-train tests     some of the steps
    python -m tools.bench.gpu --list                  the steps, their commands and limits
    python -m tools.bench.gpu --size small            the same steps at sizes that a CPU can do, to try them

Results are written as they come, into --out:

    results.jsonl     a line per step: what ran, for how long, on which card, the table's rows, what failed
    table.md          made of them: paste it into docs/benchmarks.md
    STEP.txt          all that the step printed
    profile/          the detector's operators, by their time on the card
    kept/             drawn pictures, and what large products and copies reach on this machine

The same command goes on where it was cut: a step that is done, by the same code on the same card, is not run again. A
step that was cut keeps the rows that it had by then. Nothing is downloaded: pictures are drawn, weights are random.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputError, command
from tools.bench import processes
from tools.bench.measure import ROOT

RESULTS, TABLE = 'results.jsonl', 'table.md'
TRAIN = ('-m', 'tools.bench.train', '--rounds', '1', '--size', '{size}', '--keep', '{out}/kept')


@dataclass(frozen=True)
class Step:
    """One row of the work.

    Args:
        name: to choose it by.
        shows: in words.
        full: arguments of Python on a GPU; ``{out}`` is the folder of the results, ``{size}`` full or small, ``{side}``
            the pixels of a classifier's case.
        small: what is added to them, or put in their place where it begins with ``-m``, to try the step on a CPU.
        limit: seconds on one card of today's; after them the step is stopped.
    """
    name: str
    shows: str
    full: tuple[str, ...]
    small: tuple[str, ...]
    limit: int

    def command(self, size: str, out: Path) -> list[str]:
        words = self.full if size == 'full' else self.small if self.small[:1] == ('-m',) else (*self.full, *self.small)
        side = dict(full='224 px', small='64 px')[size]
        return [sys.executable, *(word.format(out=out, size=size, side=side) for word in words)]


def _rates(name: str, shows: str, *words: str, iterations: int, warm_up: int, limit: int) -> Step:
    """Rates of ours against stock, in one phase: a row is of use without the others."""
    return Step(name, shows, (*TRAIN, *words, '--iterations', str(iterations), '--warm-up', str(warm_up)), ('--quick',),
                limit)


_DETECT, _GAN, _CLASSIFY = (('--only', stage, '--phase') for stage in ('detect', 'synth', 'classify'))
STEPS = (
    _rates('detect-train', 'the detector against stock, and its operators by time', *_DETECT, 'train', '--profile',
           '{out}/profile', iterations=8, warm_up=16, limit=150),
    _rates('detect-infer', 'its inference', *_DETECT, 'infer', iterations=12, warm_up=16, limit=90),
    _rates('resnet50-train', 'ResNet-50 against stock', *_CLASSIFY, 'train', '--case', 'ResNet-50, {side}',
           iterations=16, warm_up=24, limit=150),
    _rates('biggan-train', 'BigGAN-deep against stock', *_GAN, 'train', iterations=8, warm_up=4, limit=150),
    _rates('biggan-sample', 'its sampling', *_GAN, 'infer', iterations=8, warm_up=4, limit=90),
    Step('tests', 'the tests of -m gpu', ('-m', 'pytest', '-m', 'gpu', '-x', '-p', 'no:cacheprovider', 'tests'),
         ('-m', 'pytest', '-p', 'no:cacheprovider', 'tests/openmm/test_ops.py'), 240),
    _rates('resnet50-infer', 'ResNet-50, inference', *_CLASSIFY, 'infer', '--case', 'ResNet-50, {side}',
           iterations=16, warm_up=24, limit=100),
    Step('resnet50-448px', 'ResNet-50 at 448 px',
         (*TRAIN, *_CLASSIFY, 'train', '--case', '448', '--iterations', '16', '--warm-up', '24'),
         (*TRAIN, *_CLASSIFY, 'train', '--quick'), 150),
    Step('cudagraphs', 'what CUDA graphs give a classifier',
         (*TRAIN, '--config', 'mm_configs/classify/resnet50_cudagraphs.py', '--against',
          'mm_configs/classify/resnet50.py', '--iterations', '16', '--warm-up', '24'),
         (*TRAIN, '--config', 'mm_configs/classify/resnet18_64px.py', '--against',
          'mm_configs/classify/resnet18_64px.py', '--quick'), 150))


def card() -> dict[str, Any]:
    """The card's name and memory, and torch's version; ``CPU`` without one. In a process of its own, which gives the
    card's memory back."""
    program = ('import json, torch; gpu = torch.cuda.is_available(); print(json.dumps(dict('
               'device=torch.cuda.get_device_name() if gpu else "CPU", torch=torch.__version__, '
               'memory_gib=round(torch.cuda.get_device_properties(0).total_memory / 2**30) if gpu else None)))')
    said = subprocess.run([sys.executable, '-c', program], check=True, capture_output=True, text=True).stdout
    return json.loads(said)


def key(command_line: Sequence[str], device: str) -> str:
    """Of a step's result: what ran, of which code, on which card."""
    total = hashlib.sha256(json.dumps([list(command_line[1:]), device]).encode())
    for folder in ('pipelines', 'tools', 'mm_configs', 'tests'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            total.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:16]


def table_rows(text: str) -> list[str]:
    """The rows of ``tools.bench.train``'s table in what it printed, each once, as it stands last."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')]
        if line.startswith('| ') and len(cells) > 5 and cells[0] != 'what':
            found[cells[0]] = line.strip()
    return list(found.values())


def head(text: str) -> str | None:
    """The table's head, where it was printed."""
    return next((line for line in text.splitlines() if line.startswith('| what |')), None)


def words(text: str) -> str:
    """What pytest, or another program, says in its last line."""
    counted = re.findall(r'^=*\s*((?:\d+ [a-z]+(?:, )?)+ in [\d.:s() ]+?)\s*=*$', text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip()]
    return counted[-1] if counted else lines[-1].strip()[:200] if lines else 'nothing was printed'


def read(path: Path) -> list[dict[str, Any]]:
    """What was done before; a line that was cut off while it was written counts for nothing."""
    rows = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def latest(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By key, the last result; a whole one stays before one that was cut."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row['state'] == 'done' or found.get(row['key'], {}).get('state') != 'done':
            found[row['key']] = row
    return found


def run(step: Step, size: str, out: Path, device: dict[str, Any], scale: float) -> dict[str, Any]:
    """One step, in processes of its own; what it started ends with it."""
    line, start = step.command(size, out), time.monotonic()
    log = out / f'{step.name}.txt'
    status = processes.run(line, log, limit=step.limit * scale, cwd=ROOT)
    text = log.read_text(errors='replace')
    state = 'cut' if status is None else 'done' if status == 0 else 'failed'
    return dict(step=step.name, state=state, key=key(line, device['device']), seconds=round(time.monotonic() - start),
                command=line[1:], size=size, **device, head=head(text), rows=table_rows(text), words=words(text))


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table for docs/benchmarks.md, of one card."""
    first = rows[0]
    named = f'{first["device"]}, {first["memory_gib"]} GiB' if first['memory_gib'] else first['device']
    lines = [f'### {named}', '', f'`python -m tools.bench.gpu{" --size small" * (first["size"] == "small")}`, torch '
             f'{first["torch"]}; one round each.'
             + (' **On a CPU, at small sizes: these are no results.**' if first['device'] == 'CPU' else ''), '']
    for row in rows:
        shows = next((step.shows for step in STEPS if step.name == row['step']), row['step'])
        state = dict(done='', cut=', cut at its limit', failed=', failed')[row['state']]
        lines.append(f'- {row["step"]}: {shows}; {row["seconds"]} s{state}'
                     + (f': {row["words"]}' if not row['rows'] or row['state'] == 'failed' else ''))
    written = None
    for row in (row for row in rows if row['rows']):
        columns = row['rows'][0].count('|') - 1
        if row['head'] != written or written is None:
            written = row['head']
            lines += ['', written or '| what ' + '| ' * (columns - 1) + '|', '|---' * columns + '|']
        lines += row['rows']
    return '\n'.join(lines) + '\n'


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """Add the last row to the file of them, and make the table anew."""
    with (out / RESULTS).open('a') as stream:
        stream.write(json.dumps(rows[-1]) + '\n')
    order = [step.name for step in STEPS]
    shown = sorted(latest(rows).values(), key=lambda row: order.index(row['step']) if row['step'] in order else 99)
    (out / TABLE).write_text(markdown([row for row in shown if row['device'] == rows[-1]['device']]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser('tools.bench.gpu', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/bench-gpu'), help='default: %(default)s')
    parser.add_argument('--only', nargs='+', metavar='STEP', choices=[step.name for step in STEPS])
    parser.add_argument('--size', choices=('full', 'small'), default='full', help='default: full, which needs a GPU')
    parser.add_argument('--minutes', type=float, help='no step begins after these, nor runs beyond; default: no end')
    parser.add_argument('--limit-factor', type=float, default=1, metavar='F', help='for a slower card: each step may '
                        'take F times as long')
    parser.add_argument('--again', action='store_true', help='run what is done, too')
    parser.add_argument('--list', action='store_true', help='only say what the steps are')
    return parser


@command
def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    out, start = args.out.absolute(), time.monotonic()
    steps = [step for step in STEPS if not args.only or step.name in args.only]
    if args.list:
        for step in steps:
            print(f'{step.name:11} at most {step.limit:3} s  {step.shows}\n{"":12}python '
                  + ' '.join(step.command(args.size, args.out)[1:]))
        return
    device = card()
    if args.size == 'full' and device['device'] == 'CPU':
        raise InputError('GPU', expected='a GPU that torch can use', found='none', remedy='make doctor says why; '
                         'to try the steps on a CPU: python -m tools.bench.gpu --size small')
    out.mkdir(parents=True, exist_ok=True)
    rows = read(out / RESULTS)
    done = {} if args.again else {row['key'] for row in rows if row['state'] == 'done'}
    left = []
    for step in steps:
        line = step.command(args.size, out)
        if key(line, device['device']) in done:
            print(f'[{step.name}] done before')
            continue
        rest = args.minutes * 60 - (time.monotonic() - start) if args.minutes else step.limit * args.limit_factor
        if rest <= 0:
            left.append(step.name)
            continue
        print(f'[{step.name}] {step.shows}; at most {min(rest, step.limit * args.limit_factor):.0f} s', flush=True)
        rows.append(run(step, args.size, out, device, min(args.limit_factor, rest / step.limit)))
        write(out, rows)
        print('\n'.join([f'[{step.name}] {rows[-1]["state"]} after {rows[-1]["seconds"]} s: {rows[-1]["words"]}',
                         *rows[-1]['rows']]), flush=True)
    unfinished = left + [row['step'] for row in latest(rows).values()
                         if row['state'] != 'done' and row['device'] == device['device']]
    print(f'{out / TABLE}' + (f'; not finished: {", ".join(dict.fromkeys(unfinished))}; the same command goes on'
                              if unfinished else ''))


if __name__ == '__main__':
    sys.exit(main())
