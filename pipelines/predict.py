"""Find the animals in any photographs, and say what they are.

    python -m pipelines.predict photos/ --work work_dirs/cub --row efficientnet-lite0@square --out found
    python -m pipelines.predict 'cards/**/*.JPG' list.txt one.jpg --bundle cub-bundle --out found --allow here.txt
    make predict IMAGES=photos DATASET=cub ROW=efficientnet-lite0@square

SOURCE is a file, a folder (with all below it), a pattern in quotes, or a list (.txt, a path on a line). A file that
cannot be read becomes a record that says why. The row's detector boxes every animal, the crops go through the row's
classifiers, and their seeds are averaged. --bundle takes the folder that an earlier run left in
WORK/DATASET/bundle/ROW; it can be copied to any machine.

Results:

    predictions.json  MegaDetector's format 1.6, for Timelapse, AddaxAI, FiftyOne: boxes, classes, failures
    predictions.csv   a row for every animal, and for every file without one
    index.html        what was found, with pictures
    crops/            with --save-crops: FILE-NUMBER.jpg, what the classifiers saw
    pictures/         with --save-pictures: FILE.jpg with boxes and answers

Detections count from the threshold on that had the best F1 on val (--conf auto). A class is the answer from the
confidence on from which val's answers were right in a share of --target. Below it the super-class is asked, where the
dataset has several; else the answer is open, and the reason says why. Where val is too small to promise the target,
that is said. --allow names the classes that can occur: the others are never the answer.

It goes on where it was interrupted, on this machine or on a Dask cluster (--scheduler, docs/scaling.md).
"""
from __future__ import annotations

import argparse
import functools
import hashlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.core import answers, bundle, card, json_files, manifest, predictions, shards, sources
from pipelines.core.arguments import whole
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import devices

PACKAGES = ('numpy', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmengine', 'onedl-mmpretrain', 'opencv-python-headless',
            'pillow', 'simplejpeg', 'torch', 'torchvision')
_SHARD = 64  # pictures: the most that an interrupted prediction does twice


def predict(chain: bundle.Bundle, files: list[sources.Source], out: Path, *, conf: float | None = None, top: int = 5,
            target: float = 0.95, allowed: tuple[bool, ...] | None = None, crops: bool = False, pictures: bool = False,
            batch: int | None = None, engine: shards.Engine | None = None) -> Counter[str]:
    """Predict files into a folder.

    Args:
        chain: whose.
        files: as `sources.find` gives them.
        out: gets the results.
        conf: detections with a lower score do not count; None: the bundle's own threshold.
        top: classes that are listed for an animal.
        target: share of answers that are to be right; 0: the best class is always the answer.
        allowed: whether a class can occur; None: all can.
        crops, pictures: keep them.
        batch: pictures at once; no number depends on it.
        engine: who works; None: this process.
    Returns:
        how many ``files``, ``animals``, ``empty`` (files without one), ``failure``; answers by level.
    Raises:
        InputError: no threshold is known.
    """
    conf = bundle.threshold(chain, conf)
    rules = answers.Rules.of(chain, target, allowed)
    top = min(top, len(chain.classes))
    parameters = dict(conf=conf, top=top, target=target, crops=crops, pictures=pictures, row=chain.card['row'],
                      allow=None if allowed is None else [name for name, one in zip(chain.classes, allowed) if one])
    inputs: dict[str, Any] = {'bundle/card.json': chain.folder / card.CARD,
                              'bundle/val.json': chain.folder / card.VAL, 'pictures': _state(files)}

    def build(folder: Path) -> None:
        from pipelines.openmm.chain import files as of_files
        from pipelines.reporting import predictions as page

        job = of_files.Job(chain.folder.absolute(), conf, batch, rules, top, folder / 'crops' if crops else None,
                           folder / 'pictures' if pictures else None)
        try:
            finished = shards.run(of_files.predict, files, (job,), folder / '.shards', size=_SHARD, total=len(files),
                                  title='predict', engine=engine or shards.Engine(1))
        finally:
            of_files.release()
        summary = page.Summary(chain, target, conf or 0., {one.name: one.path for one in files}, linked=pictures)
        sure = rules.below['class']
        with predictions.writing_json(folder / 'predictions.json', chain, conf or 0., sure) as as_json, \
                predictions.writing_csv(folder / 'predictions.csv', chain.classes, top) as as_csv:
            for records in shards.results(finished):
                for record in records:
                    for write in (as_json, as_csv, summary.add):
                        write(record)
        json_files.write(folder / 'summary.json', summary.counts())
        (folder / 'index.html').write_text(summary.html(), encoding='utf-8')

    manifest.produce(out, 'predict', parameters, inputs, build, packages=PACKAGES, resume=True,
                     conditions=functools.partial(devices.conditions, engine.workers or 1 if engine else 1))
    return Counter(json_files.read(out / 'summary.json'))


def _state(files: list[sources.Source]) -> dict[str, Any]:
    """Names, sizes and times of the pictures in place of their bytes: those are read once, by the chain."""
    digest = hashlib.sha256()
    for name, path in files:
        try:
            stat = os.stat(path)
            digest.update(f'{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n'.encode())
        except OSError as error:
            digest.update(f'{name}\0{error.errno}\n'.encode())
    return dict(sha256=digest.hexdigest(), count=len(files))


def _said(out: Path, chain: bundle.Bundle, target: float, counts: Counter[str]) -> None:
    print(f'[predict] {counts["files"]:,} files: {counts["animals"]:,} animals, {counts["empty"]:,} files without one, '
          f'{counts["failure"]:,} that cannot be read')
    print('[predict] answers: ' + ', '.join(f'{counts[level]:,} {level}' for level in (*answers.LEVELS, answers.NONE)
                                            if level != 'super-class' or chain.groups))
    if target:
        for level, row in chain.unsure_below(target).items():
            print(f'[predict] {level}: {answers.promise(row, target)}')
    print(f'[predict] open {out / "index.html"}')


def _out(work: Path | None, source: str) -> Path:
    """Where results go, where nobody says so: named after the first source.

    Raises:
        InputError: there is no work folder.
    """
    if work is None:
        raise InputError('--out', expected='a folder for the results, as there is no --work', found='nothing',
                         remedy='say one (OUT=..., --out)')
    path = Path(source).absolute()
    return work / 'predict' / (path.name if path.name and path.exists() else 'found')


def _check_apart(out: Path, given: list[str]) -> None:
    """Results do not lie among the photographs, where the next run would take them for some.

    Raises:
        InputError: they would.
    """
    for source in given:
        if os.path.isdir(source) and out.resolve().is_relative_to(Path(source).resolve()):
            raise InputError('--out', expected=f'a folder outside of {source}', found=str(out),
                             remedy='choose another one (OUT=..., --out)')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.predict', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sources', nargs='+', metavar='SOURCE', help='files, folders, patterns, lists (.txt)')
    bundle.add_arguments(parser)
    parser.add_argument('--out', type=Path, help='folder for the results; default: predict/SOURCE in the work folder')
    parser.add_argument('--conf', type=bundle.score, metavar='SCORE', help='least score of a detection; default: auto, '
                        'the best on val')
    parser.add_argument('--top', type=whole(1), default=5, help='classes to list for an animal; default: %(default)s')
    parser.add_argument('--target', type=bundle.share, default=0.95, metavar='SHARE', help='of answers that are to be '
                        'right; 0: the best class is always the answer; default: %(default)s')
    parser.add_argument('--allow', type=Path, metavar='FILE', help='classes that can occur, one on a line')
    parser.add_argument('--save-crops', action='store_true', help='keep what the classifiers saw')
    parser.add_argument('--save-pictures', action='store_true', help='keep the pictures with boxes and answers')
    parser.add_argument('--batch', type=whole(1),
                        help='pictures at once; default: as the models say; changes no number')
    parser.add_argument('--gpus', type=whole(1), default=1, help='processes, one for each GPU; default: %(default)s')
    parser.add_argument('--scheduler', metavar='ADDRESS', help='work on a Dask cluster instead: tcp://host:8786')
    args = parser.parse_args(argv)
    out = args.out or _out(args.work, args.sources[0])
    _check_apart(out, args.sources)
    files = sources.find(args.sources)
    chain = bundle.of(args)
    allowed = answers.read_allowed(args.allow, chain.classes) if args.allow else None
    counts = predict(chain, files, out, conf=args.conf, top=args.top, target=args.target, allowed=allowed,
                     crops=args.save_crops, pictures=args.save_pictures, batch=args.batch,
                     engine=shards.Engine(args.gpus, args.scheduler, option='--gpus'))
    _said(out, chain, args.target, counts)


if __name__ == '__main__':
    sys.exit(main())
