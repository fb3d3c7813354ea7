"""Which images of the test split a row may have seen before, and what its accuracy is on the others.

    python -m pipelines.audit_leaks --work work_dirs/dogs --imagenet-ids ILSVRC/train_ids.txt --against /data/other

Three ways to find them, each with its images by name in audit-leaks/leaks.json:

    --imagenet-ids FILE  a list of ImageNet's images, one a line (n02085620_10074, a path or a file name, or the first
                         column of a CSV): Stanford Dogs' files keep these names, so the join is exact
    --against FOLDER     images that a network was pretrained on: those that look like one of the split, by perceptual
                         hash (an image that is merely of the same kind is not found)
    convert's own list   images of the split that lie, as copies or near duplicates, in another split, too

Beside every row's accuracy on all images stands that on the clean rest, and on the images found, with 95 % intervals. A
row that was not pretrained cannot have seen ImageNet's: its difference is how much easier these images are.
"""
from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.analysis import trained
from pipelines.core import coco, json_files, manifest
from pipelines.core.arguments import a_seed
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import Workspace

_ID = re.compile(r'n\d{8}_\d+')
_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.gif')
_SHOWN = 200  # images of a list that are named


def audit(rows: Sequence[trained.Trained], out: Path, *, imagenet_ids: Path | None = None, against: Path | None = None
          ) -> bool:
    """Run the stage.

    Args:
        rows: trained, of one table.
        imagenet_ids: a list of ImageNet's images.
        against: a folder of images, in any depth.
    Returns:
        whether anything was done.
    Raises:
        InputError: a list without ids, or a folder without images.
    """
    work, split = rows[0].runs[0].work, rows[0].split
    known = coco.read(work / 'convert' / f'{split}.json')

    def build(folder: Path) -> None:
        found: dict[str, dict[int, str]] = {}
        if imagenet_ids:
            found['imagenet'] = in_imagenet(known, ids_of(imagenet_ids))
        found['splits'] = in_other_splits(known, json_files.read(work / 'convert/duplicates.json'), split)
        if against:
            found['against'] = alike(known, work / 'convert/images', against)
        seen = {image_id for images in found.values() for image_id in images}
        json_files.write(folder / 'leaks.json', dict(
            split=split, images=len(known.images), leaked=len(seen),
            sources={name: dict(images=len(images), shown=[
                dict(image_id=i, file=known.images[i]['file_name'], like=like)
                for i, like in sorted(images.items())[:_SHOWN]]) for name, images in found.items()},
            rows=[accuracies(row, seen) for row in rows]))

    inputs: dict[str, Any] = {f'convert/{name}': work / 'convert' / name
                              for name in (f'{split}.json', 'duplicates.json')}
    for row in rows:
        for run in row.runs:
            name, folder = ('tested', run.tested) if split == 'test' else ('classify', run.folder)
            inputs[f'models/{name}/{run.name}/{split}.json'] = folder / f'{split}.json'
    inputs |= {'imagenet ids': imagenet_ids} if imagenet_ids else {}
    inputs |= {'against': against} if against else {}
    said = dict(rows=[row.name for row in rows], split=split, seeds=[run.seed for run in rows[0].runs])
    return manifest.produce(out, 'audit-leaks', said, inputs, build, packages=('imagehash', 'numpy', 'scipy'),
                            quick=True)


def ids_of(path: Path) -> set[str]:
    """ImageNet's ids in a list.

    Raises:
        InputError: none.
    """
    try:
        found = {match[0] for line in path.read_text(encoding='utf-8').splitlines()
                 if (match := _ID.search(PurePosixPath(re.split(r'[,\s]', line.strip())[0]).name))}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, expected='a list of images of ImageNet', found=str(error), remedy='correct the path'
                         ) from None
    if not found:
        raise InputError(path, expected='ids as n02085620_10074, one a line', found='none',
                         remedy='name the list of ILSVRC, e.g. its ImageSets/CLS-LOC/train_cls.txt')
    return found


def in_imagenet(known: coco.Coco, ids: set[str]) -> dict[int, str]:
    """By image id, the id in ImageNet that is the image's file name."""
    stems = {i: PurePosixPath(image['file_name']).stem for i, image in known.images.items()}
    return {i: stem for i, stem in stems.items() if stem in ids}


def in_other_splits(known: coco.Coco, rows: Sequence[dict[str, Any]], split: str) -> dict[int, str]:
    """By image id, a file of another split that has its bytes or looks the same."""
    names = {image['file_name']: i for i, image in known.images.items()}
    found = {}
    for row in rows:
        others = [file for file in row['files'] if file['split'] != split]
        for file in row['files']:
            if others and file['split'] == split and file['file'] in names:
                found[names[file['file']]] = f'{others[0]["file"]} ({others[0]["split"]}, {row["kind"]})'
    return found


def alike(known: coco.Coco, root: Path, folder: Path) -> dict[int, str]:
    """By image id, a picture of a folder that looks the same (`near_duplicates.MOST_BITS`).

    Raises:
        InputError: no picture there.
    """
    from tqdm import tqdm

    from pipelines.core import images, near_duplicates
    files = sorted(path for path in folder.rglob('*') if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(folder, expected=f'pictures ({", ".join(_SUFFIXES)}), in any depth', found='none',
                         remedy='correct the path')
    paths = [root / image['file_name'] for image in known.images.values()] + files
    hashes = [near_duplicates.hashed(images.decode(path)) for path in tqdm(
        paths, '[audit-leaks]', unit='img', dynamic_ncols=True)]
    ids, count = list(known.images), len(known.images)
    return {ids[i]: files[j - count].relative_to(folder).as_posix()
            for i, j, _ in near_duplicates.pairs(hashes) if i < count <= j}


def accuracies(row: trained.Trained, seen: set[int]) -> dict[str, Any]:
    """A row's accuracy on ``all`` images, the ``clean`` ones and the ``leaked`` ones, each with ``images``; null where
    there are fewer than two."""
    import numpy as np

    from pipelines.analysis import intervals
    results = [json_files.read((run.tested if row.split == 'test' else run.folder) / f'{row.split}.json')
               for run in row.runs]
    right = np.array([np.argmax(one['scores'], axis=1) == one['label'] for one in results], float)
    leaked = np.isin(results[0]['image_id'], sorted(seen))
    return dict(row=row.name, title=row.title, **{
        name: dict(intervals.mean(right[:, mine]), images=int(mine.sum())) if mine.sum() > 1 else None
        for name, mine in (('all', np.ones_like(leaked)), ('clean', ~leaked), ('leaked', leaked))})


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.audit_leaks', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK/<dataset>: holds classify/, models/, ...')
    parser.add_argument('--rows', nargs='+', metavar='RECIPE@IMAGES', help='(default: all of the table)')
    parser.add_argument('--seeds', type=a_seed, nargs='+', help='(default: all of the table)')
    parser.add_argument('--imagenet-ids', type=Path, metavar='FILE', help='a list of images of ImageNet')
    parser.add_argument('--against', type=Path, metavar='FOLDER', help='images that a network was pretrained on')
    parser.add_argument('--out', type=Path, help='(default: WORK/<dataset>/audit-leaks)')
    args = parser.parse_args(argv)
    out = args.out or Workspace(args.work).root / 'audit-leaks'
    audit(trained.rows(args.work, args.rows, args.seeds), out, imagenet_ids=args.imagenet_ids, against=args.against)
    said = json_files.read(out / 'leaks.json')
    print(f'[audit-leaks] {said["leaked"]:,} of {said["images"]:,} {said["split"]} images may have been seen before: '
          f'{out / "leaks.json"}')


if __name__ == '__main__':
    sys.exit(main())
