"""Recombination on drawn dogs: what is taken from where, the same bytes by any number of processes, killed or not."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.core import images, lineage, machine, shards
from pipelines.core.errors import InputError
from pipelines.crop import crop, parse_boxes
from pipelines.openmm.synth.drawing import Drawing, image_seed, write_images
from pipelines.openmm.synth.recipes import Recipe
from pipelines.openmm.synth.recombination import Recombination, _ends

ROOT = Path(__file__).resolve().parents[2]
LEAF = ROOT / 'mm_configs/synth/recombination.py'


@pytest.fixture(scope='module')
def recipe(toy_dogs_coco: Path, tmp_path_factory) -> Recipe:
    """On 7 train images of each of 3 classes."""
    work = tmp_path_factory.mktemp('recombined')
    (work / 'convert').symlink_to(toy_dogs_coco)
    crop(work / 'convert', work / 'crop', by_split=parse_boxes('gt'), size=96, engine=shards.Engine(1))
    return Recipe(LEAF, work / 'crop', tuple(lineage.read_list(work / 'crop/square_train.json')[0]))


def rows(recipe: Recipe, per_class: int = 9) -> list[dict]:
    return Drawing(per_class, 0, 'jpg', 95).rows(recipe, recipe.generator())


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob('images/*/*'))}


@pytest.fixture(scope='module')
def drawn(recipe: Recipe, tmp_path_factory) -> Path:
    write_images(folder := tmp_path_factory.mktemp('whole'), rows(recipe), recipe, quality=95)
    return folder


def test_nothing_is_trained_and_the_lists_are_inputs(recipe: Recipe):
    assert not recipe.trains
    assert list(recipe.generator().inputs()) == ['crop/full_train.json', 'convert/train.json']
    assert recipe.generator().engine() == shards.Engine()


def test_parents_are_two_train_images_and_an_animal_of_the_class(recipe: Recipe):
    train = {row['image_id']: row for row in lineage.read_list(recipe.crops / 'square_train.json')[1]}
    made = rows(recipe, 14)
    for row in made:
        animal, scene = row['parents']
        assert train[animal]['gt_label'] == row['gt_label'] and scene in train and scene != animal
        x1, y1, x2, y2 = row['box']
        assert 0 <= x1 < x2 <= row['crop'][2] and 0 <= y1 < y2 <= row['crop'][3]
        assert 0.68 <= max(x2 - x1, y2 - y1) / row['crop'][2] <= 0.97
    times = np.unique([row['parents'][0] for row in made], return_counts=True)
    assert len(times[0]) == 21 and set(times[1]) == {2}  # each animal in turn
    assert len({row['parents'][1] for row in made}) > 12
    others = {train[row['parents'][1]]['gt_label'] != row['gt_label'] for row in made}
    assert others == {True, False}  # the scene says nothing of the class


@pytest.mark.parametrize(('ends', 'flip', 'corner'), [
    ((True, False, False, False), 0, (0, None)), ((True, False, False, False), 1, ('end', None)),
    ((False, True, False, False), 0, (None, 0)), ((False, False, True, True), 0, ('end', 'end')),
    ((False, False, True, True), 1, (0, 'end'))])
def test_an_animal_that_its_photograph_cuts_off_lies_at_that_edge(recipe: Recipe, ends, flip, corner):
    generator = Recombination(recipe, flip=flip)
    generator.sources = {key: replace(source, ends=ends) for key, source in generator.sources.items()}
    for seed in range(20):
        plan = generator.plan(0, seed)
        for place, extent, wanted in zip(plan.corner, plan.extent, corner):
            assert wanted is None or place == (plan.size - extent if wanted == 'end' else 0)
    assert _ends((2, 20, 150, 99.5), 200, 100) == (True, False, False, True)


def test_an_image_is_a_function_of_class_and_seed(recipe: Recipe, drawn: Path, tmp_path: Path):
    """Another number of images, another process, another order."""
    some = rows(recipe, 4)[::-1]
    assert {row['img_path'] for row in some} < set(files(drawn))
    write_images(tmp_path, some, recipe, quality=95)
    assert all(content == files(drawn)[name] for name, content in files(tmp_path).items())
    assert len(set(files(drawn).values())) == 27
    for row in rows(recipe):
        assert images.size(drawn / row['img_path']) == tuple(row['crop'][2:])
    assert recipe.generator().plan(1, image_seed(0, 1, 3)) == recipe.generator().plan(1, image_seed(0, 1, 3))


def test_the_animal_is_where_the_row_says(recipe: Recipe, drawn: Path):
    """A third of its box at least shows the photograph's pixels, scaled and flipped as planned."""
    generator, close = recipe.generator(), 0
    for row in rows(recipe):
        plan = generator.plan(row['gt_label'], row['seed'])
        photograph, box = images.decode(plan.animal.file), [round(value) for value in plan.animal.box]
        x1, y1, x2, y2 = row['box']
        own = cv2.resize(photograph[box[1]:box[3], box[0]:box[2]], (x2 - x1, y2 - y1)).astype(float)
        here = images.decode(drawn / row['img_path'])[y1:y2, x1:x2]
        close += np.mean(np.abs((own[:, ::-1] if plan.flip else own) - here).max(axis=2) < 25) > 0.3
    assert close >= 25  # of 27


def test_two_processes_and_a_killed_one_write_the_same(recipe: Recipe, drawn: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(machine, 'cpus', lambda: 2)
    (tmp_path / 'two').mkdir()
    write_images(tmp_path / 'two', rows(recipe), recipe, quality=95)
    assert files(tmp_path / 'two') == files(drawn)

    (killed := tmp_path / 'killed').mkdir()
    code = ('import sys, json; from pathlib import Path, PosixPath; from pipelines.core import machine\n'
            'from pipelines.openmm.synth import drawing, recombination\n'
            'from pipelines.openmm.synth.recipes import Recipe\n'
            'machine.cpus = lambda: 1; recombination._SHARD = 1\n'
            f'drawing.write_images({killed!r}, json.loads(sys.stdin.read()), {recipe!r}, quality=95)')
    process = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    assert process.stdin is not None
    process.stdin.write(json.dumps(rows(recipe)))
    process.stdin.close()
    deadline = time.monotonic() + 120
    while len(done := list(killed.glob('.recombination/.shards/*.json'))) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in done}
    monkeypatch.setattr('pipelines.openmm.synth.recombination._SHARD', 1)
    monkeypatch.setattr(machine, 'cpus', lambda: 1)
    write_images(killed, rows(recipe), recipe, quality=95)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept and files(killed) == files(drawn)


def test_val_and_test_images_are_not_read(recipe: Recipe, drawn: Path, tmp_path: Path):
    """Their crops and photographs are gone."""
    shutil.copytree(recipe.crops.parent / 'convert', tmp_path / 'convert', symlinks=True)
    shutil.copytree(recipe.crops, tmp_path / 'crop', symlinks=True)
    pictures = (recipe.crops.parent / 'convert/images').resolve()
    (tmp_path / 'convert/images').unlink()
    shutil.copytree(pictures, tmp_path / 'convert/images')
    (tmp_path / 'crop/full').unlink()
    (tmp_path / 'crop/full').symlink_to('../convert/images')
    for split in ('val', 'test'):
        for kind in ('full', 'square'):
            for row in lineage.read_list(tmp_path / f'crop/{kind}_{split}.json')[1]:
                (tmp_path / 'crop' / row['img_path']).unlink()
    (tmp_path / 'out').mkdir()
    other = Recipe(LEAF, tmp_path / 'crop', recipe.classes)
    write_images(tmp_path / 'out', rows(other), other, quality=95)
    assert files(tmp_path / 'out') == files(drawn)


def test_a_class_without_a_box_and_lists_that_are_not_there(recipe: Recipe, tmp_path: Path):
    crops = tmp_path / 'crop'
    crops.mkdir()
    classes, train = lineage.read_list(recipe.crops / 'square_train.json')
    lineage.write_list(crops / 'square_train.json', classes, (
        dict(row, box=None, box_source='fallback') if row['gt_label'] == 1 else row for row in train))
    with pytest.raises(InputError, match='what recombination takes .*\n.*make crop'):
        Recipe(LEAF, crops, tuple(classes)).generator().inputs()
    shutil.copy(recipe.crops / 'full_train.json', crops)
    (tmp_path / 'convert').symlink_to(recipe.crops.parent / 'convert')
    for row in train:
        (crops / row['img_path']).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recipe.crops / row['img_path'], crops / row['img_path'])
    with pytest.raises(InputError, match=f'a box in each class.*none of {classes[1]}'):
        rows(Recipe(LEAF, crops, tuple(classes)))


@pytest.mark.parametrize('values', ['longer=(0.9, 0.7)', 'flip=1.5', 'shift=-1'])
def test_shares_are_shares(tmp_path: Path, values: str):
    (tmp_path / 'own.py').write_text(f"_base_ = {str(LEAF)!r}\nsampling = dict({values})\n")
    with pytest.raises(InputError, match='own.py:2, sampling: expected what Recombination takes'):
        Recipe(tmp_path / 'own.py', tmp_path, ('a',)).generator()
