"""Toy dogs and birds rewritten in each layout convert to the COCO that their own layout gives."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data_converters import registry
from data_converters.convert import convert
from pipelines.core import coco, json_files
from pipelines.core.errors import InputError
from tests import layouts

ALL = layouts.GIVEN | layouts.WITHOUT_VAL
ONE_BOX = {'aircraft', 'NABirds', 'cars', 'pets'}


def content(folder: Path) -> dict[str, tuple[str, str, tuple[int, int], np.ndarray]]:
    """By stem: split, class, size and (N, 4) boxes."""
    found = {}
    for split, part in coco.read_splits(folder).items():
        names = {row['id']: row['name'] for row in part.categories}
        for i, row in part.images.items():
            name = names[row['category_id']].replace('_', ' ')
            found[Path(row['file_name']).stem] = (split, name, (row['width'], row['height']), part.gt_xyxy(i))
    return found


@pytest.mark.parametrize('name', ALL)
def test_toys_rewritten_convert_to_the_same(toy_dogs_coco, toy_birds_coco, tmp_path, name, capsys):
    layout, write = ALL[name]
    source = toy_birds_coco if name in ONE_BOX else toy_dogs_coco
    write(layouts.of(source), tmp_path / 'raw')
    convert('own-dogs', tmp_path / 'raw', tmp_path / 'out', species='dog')
    assert f'layout {layout} (recognised' in capsys.readouterr().out
    expected, found = content(source), content(tmp_path / 'out')
    if name == 'pets':  # a file is named by its breed and a number
        pictures = layouts.of(source)
        found = {pictures[int(stem.rpartition('_')[2])].stem: row for stem, row in found.items()}
    assert found.keys() == expected.keys() and len(found) == 36
    for stem, (split, label, size, xyxy) in expected.items():
        if name in layouts.WITHOUT_VAL and split != 'test':
            assert found[stem][0] in ('train', 'val')
        else:
            assert found[stem][0] == split
        assert found[stem][1:3] == (label, size)
        boxes = np.empty((0, 4)) if layout == 'split-folders' else xyxy
        assert found[stem][3].shape == boxes.shape and np.abs(found[stem][3] - boxes).max(initial=0) <= 0.5
    summary = json_files.read(tmp_path / 'out/summary.json')
    assert summary['layout'] == layout and summary['boxes'] is (layout != 'split-folders')
    assert summary['drawn'] == (['val'] if name in layouts.WITHOUT_VAL else [])
    categories = json_files.read(tmp_path / 'out/train.json')['categories']
    assert [row['supercategory'] for row in categories] == ['dog'] * 3
    assert not convert('own-dogs', tmp_path / 'raw', tmp_path / 'out', species='dog')


def test_the_same_val_is_drawn_where_train_and_test_are_given(toy_birds_coco, tmp_path):
    """Names of toy birds sort in the order of their ids, so the seed finds them at the same places."""
    pictures = [picture._replace(split='test' if picture.split == 'test' else 'train')
                for picture in layouts.of(toy_birds_coco)]
    layouts.split_folders(pictures, tmp_path / 'raw')
    convert('birds', tmp_path / 'raw', tmp_path / 'out')
    assert {stem: row[0] for stem, row in content(tmp_path / 'out').items()} == {
        stem: row[0] for stem, row in content(toy_birds_coco).items()}


def test_class_folders_get_test_and_val_by_the_seed(toy_dogs_coco, tmp_path, capsys):
    layouts.class_folders(layouts.of(toy_dogs_coco), tmp_path / 'raw')
    for seed in (0, 1):
        convert('mushrooms', tmp_path / 'raw', tmp_path / f'out{seed}', seed=seed)
    assert 'no boxes: the COCO files have no annotations' in capsys.readouterr().out
    splits = []
    for seed in (0, 1):
        found = content(tmp_path / f'out{seed}')
        counts = {(split, label): sum(row[:2] == (split, label) for row in found.values())
                  for split, label, *_ in found.values()}
        assert sorted(counts.values()) == [1] * 3 + [2] * 3 + [9] * 3  # of 12: a fifth, then a tenth of ten
        lines = (tmp_path / f'out{seed}/splits.csv').read_text().splitlines()
        assert lines[0] == 'file_name,label,split,group' and len(lines) == 37
        written = dict(line.split(',')[::2] for line in lines[1:])
        assert written == {f'{row[1].replace(" ", "_")}/{stem}.jpeg': row[0] for stem, row in found.items()}
        splits.append(written)
    assert splits[0] != splits[1]
    assert json_files.read(tmp_path / 'out0/summary.json')['drawn'] == ['test', 'val']
    shutil.copy(tmp_path / 'out0/splits.csv', tmp_path / 'raw/metadata.csv')  # to keep the draw whatever the seed
    convert('mushrooms', tmp_path / 'raw', tmp_path / 'kept', seed=1)
    assert {stem: row[0] for stem, row in content(tmp_path / 'kept').items()} == {
        Path(file).stem: split for file, split in splits[0].items()}


def test_what_convert_writes_is_read_as_coco(toy_dogs_coco, tmp_path):
    convert('again', toy_dogs_coco, tmp_path / 'out', layout='coco')
    before, after = content(toy_dogs_coco), content(tmp_path / 'out')
    assert before.keys() == after.keys()
    for stem, row in before.items():
        assert row[:3] == after[stem][:3] and np.abs(row[3] - after[stem][3]).max() < 1e-9
    old, new = (json_files.read(folder / 'train.json')['categories'] for folder in (toy_dogs_coco, tmp_path / 'out'))
    assert old == new  # with wnid and super-class


def test_coco_files_have_what_other_tools_expect(toy_dogs_coco):
    import contextlib
    import io

    from pycocotools.coco import COCO

    written = json_files.read(toy_dogs_coco / 'test.json')
    assert list(written) == ['info', 'licenses', 'categories', 'images', 'annotations']
    assert written['info']['description'] == 'toy-dogs, test' and written['licenses'] == []
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(toy_dogs_coco / 'test.json'))
        results = truth.loadRes([dict(image_id=i, category_id=1, bbox=[1, 2, 3, 4], score=0.5) for i in truth.imgs])
    assert len(results.anns) == 12


def test_a_layout_can_be_forced(toy_dogs_raw, tmp_path):
    convert('folders', toy_dogs_raw / 'Images', tmp_path / 'out', layout='class-folders')
    summary = json_files.read(tmp_path / 'out/summary.json')
    assert summary['layout'] == 'class-folders' and not summary['boxes']
    categories = json_files.read(tmp_path / 'out/train.json')['categories']
    assert categories[0] == dict(id=1, name='Amber_spitz', supercategory='object', wnid='n90000001')


def test_every_layout_is_named_in_the_help(capsys):
    from data_converters.convert import main

    with pytest.raises(SystemExit):
        main(['--help'])
    text = capsys.readouterr().out
    assert len(registry.READERS) == 12 and all(f'    {layout}' in text for layout in registry.READERS)


def test_two_annotations_at_once_are_not_guessed(toy_dogs_coco, tmp_path):
    pictures = layouts.of(toy_dogs_coco)
    layouts.yolo(pictures, tmp_path)
    layouts.coco_instances(pictures, tmp_path)
    with pytest.raises(InputError, match='expected annotations in one layout, found coco and yolo\n.*LAYOUT=coco'):
        convert('dogs2', tmp_path, tmp_path / 'out')


@pytest.mark.parametrize('kind', ['nothing', 'an empty folder', 'text files'])
def test_no_layout(tmp_path, kind):
    raw = tmp_path / 'raw'
    if kind != 'nothing':
        raw.mkdir()
    if kind == 'text files':
        (raw / 'notes.txt').write_text('x')
    with pytest.raises(InputError, match=r'raw: expected (one of the layouts stanford-dogs|the folder)'):
        convert('own', raw, tmp_path / 'out')
