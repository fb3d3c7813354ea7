"""Measure prediction: pictures a second, the detector's share, the obvious loop, and whether memory stays flat.

    python -m tools.bench.predict --bundle work_dirs/toy-dogs/bundle/ROW --images work_dirs/toy-dogs/raw
    python -m tools.bench.predict ... --count 5000 --only memory

The obvious loop calls mmdet's DetInferencer for each file, cuts every box above the threshold, and calls mmpretrain's
ImageClassificationInferencer for each crop and seed. Both take the same files and networks, in turn, in one process
with one thread. Times are CPU seconds, so that a busy machine changes them little; the ratio of medians is given with
the range over the rounds. Memory is the most that the process ever held, after 500 pictures and at the end.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.core import bundle, images, sources
from pipelines.core.errors import InputError, command, some_of
from tools.bench.measure import Row, warn_if_busy

SETTLED = 500  # pictures, after which memory is not to grow
GROWTH = 20  # MB that are allowed
FASTEST = 20  # pictures a second that are asked of one core
SHARE = 0.8  # of the time that is the detector's
RATIO = 2.
_ROUNDS = 3


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def speed(chain: bundle.Bundle, files: list[str], conf: float | None) -> list[Row]:
    """Rate, share of the detector, and the ratio to the obvious loop."""
    from pipelines.openmm.chain.chain import Chain

    loaded = Chain(chain, conf=conf)
    loop = _obvious(chain, loaded.conf)
    finding: list[float] = []

    def ours() -> None:
        for start in range(0, len(files), 64):
            pictures = [images.read(path) for path in files[start:start + 64]]
            began = time.process_time()
            loaded.find(pictures)
            finding.append(time.process_time() - began)
            loaded(pictures)

    ours()
    loop(files[:4])
    taken: dict[str, list[float]] = dict(ours=[], loop=[], detector=[])
    for _ in range(_ROUNDS):
        finding.clear()
        total = _seconds(ours)
        taken['detector'].append(sum(finding))
        taken['ours'].append(total - sum(finding))  # the boxes are found twice, once to be timed
        taken['loop'].append(_seconds(lambda: loop(files)))
    rate = len(files) / statistics.median(taken['ours'])
    share = statistics.median(part / whole for part, whole in zip(taken['detector'], taken['ours']))
    ratios = [slow / fast for slow, fast in zip(taken['loop'], taken['ours'])]
    ratio = statistics.median(taken['loop']) / statistics.median(taken['ours'])
    return [Row('pictures a CPU second', f'{FASTEST}', f'{rate:.1f}', rate >= FASTEST),
            Row("the detector's share of that", f'{SHARE:.0%}', f'{share:.0%}', share >= SHARE),
            Row('the obvious loop takes, times', f'{RATIO:.0f}',
                f'{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})', ratio >= RATIO)]


def _obvious(chain: bundle.Bundle, conf: float) -> Callable[[list[str]], None]:
    """The loop that the libraries' own documents lead to."""
    import cv2
    from mmdet.apis import DetInferencer
    from mmengine.registry import DefaultScope
    from mmpretrain import ImageClassificationInferencer

    own = DefaultScope.overwrite_default_scope
    with contextlib.redirect_stdout(io.StringIO()), own('mmdet'):
        detector = DetInferencer(str(chain.detector / 'config.py'), str(chain.detector / 'model.pth'), device='cpu',
                                 show_progress=False) if chain.detector else None
    with contextlib.redirect_stdout(io.StringIO()), own('mmpretrain'):
        classifiers = [ImageClassificationInferencer(str(folder / 'config.py'), pretrained=str(folder / 'model.pth'),
                                                     device='cpu') for folder in chain.classifiers]

    def loop(files: list[str]) -> None:
        for path in files:
            with contextlib.redirect_stdout(io.StringIO()):
                picture: Any = cv2.imread(path)
                boxes = [[0, 0, picture.shape[1], picture.shape[0]]]
                if detector:
                    with own('mmdet'):
                        found = detector(path, return_datasamples=False)['predictions'][0]
                    boxes = [box for box, score in zip(found['bboxes'], found['scores']) if score >= conf]
                for x1, y1, x2, y2 in boxes:
                    crop = picture[int(y1):int(y2) + 1, int(x1):int(x2) + 1]
                    with own('mmpretrain'):
                        for classifier in classifiers:
                            classifier(crop)

    return loop


def memory(chain: bundle.Bundle, files: list[str], conf: float | None, count: int) -> list[Row]:
    """The most that the process held, after `SETTLED` pictures and after ``count``."""
    from pipelines.core.answers import Rules
    from pipelines.openmm.chain import files as of_files

    job = of_files.Job(chain.folder, conf, None, Rules.of(chain, 0.95), 5)
    names = itertools.cycle(files)
    held: list[float] = []
    for start in range(0, count, 50):
        of_files.predict([(str(number), next(names)) for number in range(start, min(start + 50, count))], job)
        held.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
    settled = held[min(SETTLED // 50, len(held)) - 1]
    growth = held[-1] - settled
    return [Row(f'peak memory, after {SETTLED} and {count:,} pictures', f'+{GROWTH} MB',
                f'{settled:,.0f} and {held[-1]:,.0f} MB (+{growth:.1f})', growth < GROWTH)]


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('tools.bench.predict', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bundle', type=Path, required=True, help='of a trained row (docs/use.md)')
    parser.add_argument('--images', nargs='+', required=True, metavar='SOURCE', help='as for pipelines.predict')
    parser.add_argument('--only', default='speed,memory', metavar='NAMES', help='default: %(default)s')
    parser.add_argument('--speed-count', type=int, default=64, help='pictures of each round; default: %(default)s')
    parser.add_argument('--count', type=int, default=5000, help='pictures to see memory with; default: %(default)s')
    parser.add_argument('--conf', type=bundle.score, help='least score of a detection; default: the best on val')
    args = parser.parse_args(argv)
    os.environ['OMP_NUM_THREADS'] = '1'
    chosen = some_of('--only', args.only, ('speed', 'memory'))
    chain, files = bundle.read(args.bundle), [path for _, path in sources.find(args.images)]
    if args.count <= SETTLED:
        raise InputError('--count', expected=f'more than {SETTLED}', found=str(args.count), remedy='raise it')
    warn_if_busy()
    rows = speed(chain, files[:args.speed_count], args.conf) if 'speed' in chosen else []
    rows += memory(chain, files, args.conf, args.count) if 'memory' in chosen else []
    print('\n'.join(['| what | asked | measured | verdict |', '|---|---|---|---|', *map(str, rows)]))


if __name__ == '__main__':
    sys.exit(main())
