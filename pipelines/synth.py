"""Train a class-conditional GAN on the square crops of train, then write synthetic images and say how good they are.

    python -m pipelines.synth --crops work_dirs/dogs/crop --out work_dirs/dogs/synth/biggan-deep_64px \\
        --config biggan-deep_64px

Two results, each made only when something it depends on changed, and resumed where it was interrupted:

    --model-dir  the trained GAN: model.pth, config.py, metrics.jsonl, logs/ (TensorBoard, checkpoints, sample grids)
    --out        images/<class>/<seed>.jpg, train.json (their list, with lineage), metrics.json, grid_real.jpg,
                 grid_synthetic.jpg, nearest.jpg (those nearest to train, and what they are nearest to)

What draws the images is the recipe's ``sampling = dict(type=...)``. An image depends on the generator's weights, its
class and its seed, which is its file name; of a GAN, a few of its last bits on the batch it was sampled in, too
(docs/distributed.md). With --gpus N so many processes train, and sample the same images as one. With --weights nothing
is trained: FILE holds the GAN's or generator's state dict for the config. A recipe without a network trains nothing,
either.

metrics.json: figures of the synthetic images and, beside each, the same of held-out real images (val): sharpness, a
1-NN two-sample test, KID, distances to the nearest train images, coverage by class, precision and recall, in the
features of a small classifier trained on train; top-1 on val of classifiers trained on the synthetic images, and on the
real ones; and what in these shows that the generator collapsed, or copies. With Inception's weights, and the package
torch-fidelity, they are in Inception's features, too, with FID. The test split is left to the final classifiers:
whoever tunes a generator by these figures must not tune it on test.
"""
from __future__ import annotations

import argparse
import functools
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from pipelines.core import images, json_files, lineage, manifest, seconds
from pipelines.core import rows as table_rows
from pipelines.core.arguments import whole
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files, devices
from pipelines.openmm.synth.drawing import Drawing
from pipelines.openmm.synth.recipes import LOOKS, Recipe

PACKAGES = ('mmagic', 'numpy', 'onedl-mmcv', 'onedl-mmengine', 'opencv-python-headless', 'pillow', 'torch',
            'torchvision')
FORMATS = ('jpg', 'png')


def synth(crops: Path, out: Path, model_dir: Path, *, config: Path, weights: Path | None = None,
          images_per_class: int | None = None, seed: int = 0, image_format: str = 'jpg', quality: int = 95,
          classifier_steps: int | None = None, inception: Path | None = None, gpus: int = 1,
          options: list[str] | None = None) -> dict:
    """Run the stage.

    Args:
        crops: a crop folder.
        out: gets the images, their list and the quality figures.
        model_dir: gets the trained network, where the recipe has one.
        config: a recipe of synth.
        weights: a generator to sample from instead of training one.
        images_per_class: None: as many as train has on average, rounded up.
        seed: of the training and, with class and number, of the images.
        image_format: ``jpg`` or ``png``.
        quality: of JPEG.
        classifier_steps: of 32 images, for the small classifiers; None: see `figures.Judge.of`.
        inception: torch-fidelity's Inception weights, for FID.
        gpus: processes to train and sample with.
        options: ``key=value`` overrides of the config.
    Returns:
        the manifest of ``out``.
    Raises:
        InputError: missing or unfitting lists, config or weights.
    """
    lists, rows, classes = _crops(crops)
    _check_files(weights, inception)
    count = _images_per_class(images_per_class, len(rows['train']), len(classes))
    recipe = Recipe(config, crops, tuple(classes), weights, tuple(options or ()), gpus)
    trained = weights is None and recipe.trains
    if trained:
        recipe = replace(recipe, weights=model_dir / 'model.pth')
    drawing = Drawing(count, seed, image_format, quality)
    manifest.check_chain(crops.parent, 'crop', places=dict(crop=crops))
    sources = {'crop/square_train.json': lists['train']}
    training = dict(config_files.parameters(config, options, unread=['sampling']), seed=seed, processes=gpus)
    conditions = functools.partial(devices.conditions, gpus)

    def train(folder: Path) -> None:
        recipe.train(folder, seed=seed)

    def build(folder: Path) -> None:
        cfg = recipe.check()
        synthetic = drawing.draw(folder, recipe)
        write_grid(folder / 'grid_real.jpg', crops, rows['train'], classes)
        write_grid(folder / 'grid_synthetic.jpg', folder, synthetic, classes)

        from pipelines.openmm.synth import figures
        files = {name: [(root / row['img_path'], row['gt_label']) for row in part] for name, root, part in (
            ('real', crops, rows['train']), ('val', crops, rows['val']), ('synthetic', folder, synthetic))}
        with seconds.part(folder, 'quality figures'):
            measured = figures.measure(**files, num_classes=len(classes), seed=seed, steps=classifier_steps,
                                       inception_weights=inception)
        for row, rank in zip(synthetic, measured.ranks):
            row['rank'] = rank
        lineage.write_list(folder / 'train.json', classes, synthetic)
        write_nearest(folder / 'nearest.jpg', measured.nearest)
        iterations = cfg.train_cfg.max_iters if trained else None if weights else 0
        if trained and recipe.watched and (seen := json_files.read(model_dir / LOOKS))['stopped']:
            iterations = seen['stopped']
            measured.metrics['signs']['collapse'].insert(
                0, f'training was stopped after {iterations} of {seen["of"]} iterations: '
                + '; '.join(seen['looks'][-1]['signs']))
        json_files.write(folder / 'metrics.json', dict(
            config=config_files.shown(config), images_per_class=count, classes=classes, iterations=iterations,
            resolution=max(max(images.size(path)) for path, _ in files['synthetic']), **measured.metrics))

    if trained:
        from pipelines.openmm.weights import loading
        looked_at = {'crop/square_val.json': lists['val']} if recipe.watched else {}
        manifest.produce(model_dir, 'synth: train', training,
                         {**sources, **looked_at, **loading.check(config, options or ())},
                         train, packages=PACKAGES, resume=True, conditions=conditions)
        build = manifest.reading(model_dir, training)(build)
    inputs = {**sources, 'crop/square_val.json': lists['val'], **recipe.generator().inputs(),
              **({'weights' if weights else 'model.pth': recipe.weights} if recipe.weights else {}),
              **({'inception': inception} if inception else {})}
    manifest.produce(out, 'synth', dict(config_files.parameters(config, options), **asdict(drawing),
                                        classifier_steps=classifier_steps),
                     inputs, build, packages=(*PACKAGES, *(['torch-fidelity'] if inception else [])), resume=True,
                     conditions=conditions)
    print_metrics(json_files.read(out / 'metrics.json'))
    return manifest.load(out)


def _crops(folder: Path) -> tuple[dict[str, Path], dict[str, list[dict]], list[str]]:
    """Lists and rows of the square crops by split, and the names of the classes.

    Raises:
        InputError: a list that is missing or empty, or a test image in that of train.
    """
    lists = {split: folder / f'square_{split}.json' for split in ('train', 'val', 'test')}
    rows = {split: lineage.read_list(path)[1] for split, path in lists.items()}
    lineage.check_training_list(lists['train'], {row['image_id'] for row in rows['test']})
    for split in ('train', 'val'):
        if len(rows[split]) < 2:
            raise InputError(lists[split], expected='at least 2 images', found=str(len(rows[split])),
                             remedy='add images to the dataset, and run make convert crop again')
    return lists, rows, lineage.read_list(lists['train'])[0]


def _check_files(weights: Path | None, inception: Path | None) -> None:
    """Raises:
        InputError: a file that is not there; FID without what computes it.
    """
    for option, file in {'--weights': weights, '--inception': inception}.items():
        if file and not file.is_file():
            raise InputError(f'{option} {file}', expected='a file', found='nothing', remedy='correct the path')
    if inception and not importlib.util.find_spec('torch_fidelity'):
        raise InputError('--inception', expected='the package torch-fidelity, which computes FID',
                         found='it is not installed', remedy=f'{sys.executable} -m pip install --no-deps '
                         'torch-fidelity, or leave --inception (INCEPTION) out')


def _images_per_class(asked: int | None, real: int, classes: int) -> int:
    """How many to draw; where nobody says, as many as there are real ones on average, rounded up.

    Raises:
        InputError: too few for precision and recall.
    """
    if asked is not None and asked * classes < 4:
        raise InputError('--images-per-class', expected=f'enough for 4 images of {classes} classes', found=str(asked),
                         remedy='draw more (IMAGES_PER_CLASS)')
    return asked or -(-real // classes)


def write_grid(path: Path, root: Path, rows: list[dict], classes: list[str], *, columns: int = 8, classes_shown: int = 8
               ) -> None:
    """A row of images for each of the first classes."""
    chosen = [row for label in range(min(len(classes), classes_shown))
              for row in ([row for row in rows if row['gt_label'] == label] * columns)[:columns]]
    pictures = [images.decode(root / row['img_path']) for row in chosen]
    captions = [classes[row['gt_label']] for row in chosen]
    images.contact_sheet(pictures, captions, columns=columns, cell=128).save(path, quality=88)


def write_nearest(path: Path, nearest: Mapping[str, list[tuple[Path, Path]]]) -> None:
    """Of each kind of images those nearest to train, above the train images that they are nearest to."""
    lines = [(file, caption) for name, pairs in nearest.items() for place, caption in enumerate(
        (name, 'nearest in train')) for file in [pair[place] for pair in pairs]]
    images.contact_sheet([images.decode(file) for file, _ in lines], [caption for _, caption in lines],
                         columns=len(next(iter(nearest.values()))), cell=128).save(path, quality=88)


def print_metrics(metrics: dict) -> None:
    rows = metrics['figures'][0]['rows']
    for name, row in rows.items():
        trained = row['as_train']
        low, high = trained['interval']
        print(f'[synth] {name:13}  sharpness {row["sharpness"]:.2f}  1-NN {row["one_nn"]:.2f}  KID {row["kid"]:.4f}  '
              f'nearer to train than 95 % of held-out {row["copies"]:.2f}  coverage {row["coverage"]:.2f}  '
              f'train on it, read val {trained["top1"]:.3f} [{low:.3f}, {high:.3f}]')
    for sign, words in metrics['signs'].items():
        for sentence in words:
            print(f'[synth] a sign of {sign}: {sentence}')
    print(f'[synth] chance {metrics["chance"]:.3f}; {metrics["fid_note"]}')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.synth', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--crops', type=Path, required=True, help='folder of the crop stage')
    parser.add_argument('--out', type=Path, required=True, help='folder for the images')
    config_files.add_arguments(parser, 'synth')
    parser.add_argument('--weights', type=Path, metavar='FILE', help='sample from these instead of training')
    parser.add_argument('--images-per-class', type=whole(1), metavar='N',
                        help='(default: as many as train has on average)')
    parser.add_argument('--format', choices=FORMATS, default='jpg', help='(default: jpg)')
    parser.add_argument('--quality', type=whole(1, 100), default=95, help='of JPEG (default: 95)')
    parser.add_argument('--classifier-steps', type=whole(0), metavar='N',
                        help='of 32 images, for each of the small classifiers (default: ten epochs of train, 300 at '
                             'least)')
    parser.add_argument('--if-crops', action='store_true',
                        help='where there are no square crops say so and stop without an error')
    parser.add_argument('--inception', type=Path, metavar='FILE', help="torch-fidelity's Inception weights, for FID")
    args = parser.parse_args(argv)
    if args.if_crops and not (args.crops / 'square_train.json').exists():
        print('[synth] nothing to learn from: there are no square crops, as there are no boxes')
        return
    synth(args.crops, args.out, config_files.model_dir(args, args.crops.absolute().parent, 'synth'),
          config=table_rows.recipe(args.config, 'synth'), weights=args.weights,
          images_per_class=args.images_per_class, seed=args.seed, image_format=args.format, quality=args.quality,
          classifier_steps=args.classifier_steps, inception=args.inception, gpus=args.gpus, options=args.cfg_options)


if __name__ == '__main__':
    sys.exit(main())
