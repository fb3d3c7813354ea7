"""What a config's datasets hold, as built, against the lists of a WORK: every way around the lists is refused."""
from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pipelines.core import coco, json_files, lineage
from pipelines.core.errors import InputError
from pipelines.core.rows import Images
from pipelines.crop import main as crop
from pipelines.openmm.engine import as_built
from pipelines.openmm.engine import config as mm

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'mm_configs'
SQUARE, DETECT, SYNTH = 'classify/resnet18_64px.py', 'detect/faster-rcnn_r18_fpn.py', 'synth/biggan-deep_64px.py'
LISTS = {SQUARE: {split: [f'crop/square_{split}.json'] for split in coco.SPLITS},
         DETECT: {split: [f'{split}.json'] for split in coco.SPLITS}, SYNTH: dict(train=['square_train.json'])}
ROOTS = {SQUARE: '', DETECT: 'convert', SYNTH: 'crop'}
TRAIN, TEST = '_base_.train_dataloader.dataset', '_base_.test_dataloader.dataset'


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory):
    """A WORK/<dataset> folder whose convert and crop stages are done."""
    folder = tmp_path_factory.mktemp('as-built') / 'toy-dogs'
    folder.mkdir()
    (folder / 'convert').symlink_to(toy_dogs_coco)
    assert crop(['--coco', str(toy_dogs_coco), '--out', str(folder / 'crop'), '--boxes', 'gt', '--workers', '1',
                 '--kinds', 'full', 'square']) == 0
    return folder


@pytest.fixture
def load(work, tmp_path):
    """Load a child of a config, for square crops; its second line is the first of ``lines``."""
    def loaded(base: str, lines: str = ''):
        path = tmp_path / 'child.py'
        path.write_text(f"_base_ = '{CONFIGS / base}'\n{lines}\n")
        return mm.load(path, data_root=work / ROOTS[base], num_classes=3, images=Images('square'))
    return loaded


@pytest.fixture
def check(load):
    return lambda base, lines='': as_built.check(load(base, lines), LISTS[base])


def test_the_shipped_configs_read_what_the_lists_say(check):
    def everything(*counts):
        return {split: as_built.Split(images, 0, labels) for split, images, labels in zip(
            ('train', 'val', 'test'), (21, 3, 12), counts)}
    assert check(SQUARE) == everything((7, 7, 7), (1, 1, 1), (4, 4, 4))
    assert check(DETECT) == everything((24,), (3,), (15,))  # some images show two dogs
    assert check(SYNTH) == dict(train=as_built.Split(21, 0, (7, 7, 7)))


def test_synthetic_images_are_counted(work, tmp_path):
    """Half as many as real ones, behind a wrapper."""
    images = Images('square', 'mine', 50)
    folder = work / 'synth/mine'
    classes, rows = lineage.read_list(work / 'crop/square_train.json')
    folder.mkdir(parents=True)
    drawn = [dict(img_path=f'images/{number}.jpg', gt_label=number % 3, split='train', box_source='synthetic',
                  generator='x', seed=number) for number in range(30)]
    lineage.write_list(folder / 'train.json', classes, drawn)
    path = tmp_path / 'child.py'
    path.write_text(f"_base_ = '{CONFIGS / SQUARE}'\n" + WRAPPED % "'RepeatDataset', times=2" + '\n')
    lists = {split: images.lists([split]) for split in coco.SPLITS}
    for config, count in ((CONFIGS / SQUARE, 10), (path, 21)):  # the wrapper doubles the real ones
        cfg = mm.load(config, data_root=work, num_classes=3, images=images)
        assert as_built.check(cfg, lists)['train'] == as_built.Split(21 + count, count, (7, 7, 7))


WRAPPED = f"train_dataloader = dict(dataset=dict(_delete_=True, type=%s, dataset={TRAIN}))"


@pytest.mark.parametrize('wrapper', [
    "'RepeatDataset', times=5", "'ClassBalancedDataset', oversample_thr=0.5", "'ConcatDataset', datasets=[{}]",
    "'KFoldDataset', fold=0, num_splits=3"])
def test_images_are_counted_through_wrappers_each_once(wrapper, check):
    lines = WRAPPED % wrapper
    if 'Concat' in wrapper:
        lines = f"train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[{TRAIN}] * 2))"
    assert check(SQUARE, lines)['train'].images == (14 if 'KFold' in wrapper else 21)


@pytest.mark.parametrize(('base', 'lines', 'where', 'expected', 'found'), [
    (SQUARE, "test_dataloader = dict(sampler=dict(shuffle=True))", 'child.py:2, test_dataloader.sampler',
     'the images of test, from first to last', '12 of 12 images, beginning with number'),
    (SQUARE, "test_dataloader = dict(drop_last=True, batch_size=5)", 'test_dataloader.sampler',
     'the images of test, from first to last', '10 of 12 images, beginning with number 0'),
    (SQUARE, "val_dataloader = dict(sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True))",
     'child.py:2, val_dataloader.sampler', 'the images of val, each once', '4 of 3 images'),
    (SQUARE, "train_dataloader = dict(dataset=dict(_delete_=True, type='CustomDataset', data_prefix='crop/square',\n"
     f"    data_root=_base_.data_root, with_label=True, pipeline={TRAIN}.pipeline))",
     'child.py:2, train_dataloader.dataset.type', 'a dataset with an annotation list (ann_file)', 'CustomDataset'),
    (SQUARE, "test_dataloader = dict(dataset=dict(ann_file='crop/square_train.json'))",
     'child.py:2, test_dataloader.dataset.ann_file', 'crop/square_test.json, as asked for of test',
     'crop/square_train.json'),
    (SQUARE, "test_dataloader = dict(dataset=dict(ann_file='crop/full_test.json'))",
     'child.py:2, test_dataloader.dataset.ann_file', 'crop/square_test.json, as asked for of test',
     'crop/full_test.json'),
    (SQUARE, "val_dataloader = dict(dataset=dict(ann_file='crop/square_train.json'))",
     'child.py:2, val_dataloader.dataset.ann_file', 'crop/square_val.json, as asked for of val',
     'crop/square_train.json'),
    (SQUARE, f"train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[{TRAIN},\n"
     f"    dict({TRAIN}, ann_file='crop/square_val.json')]))",
     'child.py:3, train_dataloader.dataset.datasets.1.ann_file',
     'crop/square_train.json, as asked for of train', 'crop/square_val.json'),
    (SQUARE, "test_dataloader = dict(dataset=dict(indices=6))", 'child.py:2, test_dataloader.dataset',
     'the 12 images of square_test.json, each once, in its order', '6 images'),
    (SQUARE, f"test_dataloader = dict(dataset=dict(_delete_=True, type='RepeatDataset', times=2, dataset={TEST}))",
     'child.py:2, test_dataloader.dataset', 'the 12 images of square_test.json, each once, in its order', '24 images'),
    (SQUARE, f"test_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[{TEST}] * 2))",
     'child.py:2, test_dataloader.dataset', 'one list of test', 'square_test.json, square_test.json'),
    (SQUARE, "train_dataloader = dict(dataset=dict(data_prefix='crop/full'))",
     'child.py:2, train_dataloader.dataset.data_prefix', 'the images of its list', ', image 0'),
    (SQUARE, "train_dataloader = dict(dataset=dict(metainfo=dict(classes=['a', 'b', 'c'])))",
     'child.py:2, train_dataloader.dataset.metainfo', 'the classes of square_train.json, in its order', 'a, b, c'),
    (SQUARE, "train_dataloader = dict(batch_size=64, drop_last=True)", 'child.py:2, train_dataloader.drop_last',
     'batches of 64', 'none: there are 21 images'),
    (SQUARE, "val_dataloader = None\nval_evaluator = None\nval_cfg = None", 'child.py:2, val_dataloader',
     'a loader of val: the table needs it', 'none'),
    (SQUARE, "test_dataloader = None\ntest_evaluator = None\ntest_cfg = None", 'child.py:2, test_dataloader',
     'a loader of test: the table needs it', 'none'),
    (SQUARE, f"{TEST}.pipeline[1:1] = [\n    dict(type='NumpyToPIL'), dict(type='torchvision/ColorJitter', "
     "brightness=0.5), dict(type='PILToNumpy')]", 'test_dataloader.dataset.pipeline', 'the same test image each time',
     'image 0 in several versions'),
    (DETECT, "val_dataloader = dict(dataset=dict(pipeline=_base_.train_dataloader.dataset.pipeline))",
     'child.py:2, val_dataloader.dataset.pipeline', 'the same val image each time', 'image 0 in several versions'),
    (DETECT, "test_dataloader = dict(sampler=dict(shuffle=True))", 'child.py:2, test_dataloader.sampler',
     'the images of test, from first to last', '12 of 12 images'),
    (DETECT, "val_dataloader = dict(dataset=dict(ann_file='train.json'))",
     'child.py:2, val_dataloader.dataset.ann_file', 'val.json, as asked for of val', 'train.json'),
    (DETECT, "val_evaluator = dict(ann_file=_base_.data_root + '/train.json')", 'child.py:2, val_evaluator.ann_file',
     '/val.json', '/train.json'),
    (SYNTH, "train_dataloader = dict(dataset=dict(ann_file='square_test.json'))",
     'child.py:2, train_dataloader.dataset.ann_file', 'square_train.json, as asked for of train', 'square_test.json'),
])
def test_what_goes_around_the_lists_is_refused(base, lines, where, expected, found, check):
    with pytest.raises(InputError) as raised:
        check(base, lines)
    parts = raised.value.parts
    assert where in str(parts['where']) and parts['expected'].endswith(expected) and found in parts['found']


def test_another_experiment_is_refused(check, work, tmp_path):
    """Its training list holds this WORK's test rows: hashes and leak check read WORK's own."""
    other = tmp_path / 'other'
    shutil.copytree(work / 'crop', other / 'crop', symlinks=True)
    train, test = (json_files.read(other / f'crop/square_{split}.json') for split in ('train', 'test'))
    train['data_list'] += test['data_list']
    json_files.write(other / 'crop/square_train.json', train)
    with pytest.raises(InputError, match=rf'child\.py:2, train_dataloader\.dataset\.data_root: expected a list below '
                                         rf'{re.escape(str(work))}, found {re.escape(str(other))}'):
        check(SQUARE, f"train_dataloader = dict(dataset=dict(data_root='{other}'))")


def test_a_label_that_is_not_the_lists_is_refused(load, work, monkeypatch):
    from mmpretrain.datasets import BaseDataset
    cfg = load(SQUARE)
    real = BaseDataset.get_data_info
    monkeypatch.setattr(BaseDataset, 'get_data_info', lambda self, index: dict(
        real(self, index), gt_label=(real(self, index)['gt_label'] + 1) % 3))
    with pytest.raises(InputError, match=r'train_dataloader\.dataset: expected label \(0,\) for .*found \[1\]'):
        as_built.check(cfg, LISTS[SQUARE])


def test_an_image_of_test_in_a_training_list_is_refused_whatever_its_row_says(work, tmp_path):
    copy = tmp_path / 'toy-dogs'
    shutil.copytree(work / 'crop', copy / 'crop', symlinks=True)
    classes, train = lineage.read_list(work / 'crop/square_train.json')
    leaked = lineage.read_list(work / 'crop/square_test.json')[1][0]
    lineage.write_list(copy / 'crop/square_train.json', classes, [*train, dict(leaked, split='train')])
    cfg = mm.load(CONFIGS / SQUARE, data_root=copy, num_classes=3, images=Images('square'))
    with pytest.raises(InputError, match='square_train.json, row 21: expected images of the train split only'):
        as_built.check(cfg, LISTS[SQUARE])


def test_scores_are_joined_to_the_list_by_path(load, work):
    """A loader that reads backwards gives the same scores, row by row, as one that reads the list."""
    import numpy as np
    import torch

    from pipelines.openmm.classify import classification
    from pipelines.openmm.engine import network
    cfg, annotations = load(SQUARE), work / 'crop/square_test.json'
    torch.manual_seed(0)
    state = network.build(cfg).state_dict()
    inner = dict(cfg.test_dataloader.dataset)
    expected = classification.predict(cfg, state, annotations)
    assert expected.shape == (12, 3) and len(np.unique(expected[:, 0])) == 12
    cfg.test_dataloader.sampler.shuffle = True
    assert np.abs(classification.predict(cfg, state, annotations) - expected).max() < 1e-6
    cfg.test_dataloader.dataset = dict(inner, indices=6)
    with pytest.raises(InputError, match='expected one score for each of its 12 images, found 6 scores, of 6 of them'):
        classification.predict(cfg, state, annotations)


def test_scores_that_are_no_numbers_are_refused(load, work):
    """A training that diverged: argmax would take NaN for the first class, and the table show chance."""
    import torch

    from pipelines.openmm.classify import classification
    from pipelines.openmm.engine import network
    cfg = load(SQUARE)
    state = network.build(cfg).state_dict()
    state['head.fc.weight'] = torch.full_like(state['head.fc.weight'], float('nan'))
    with pytest.raises(InputError, match='expected scores that are numbers, found NaN or infinity for 12 of 12 images'):
        classification.predict(cfg, state, work / 'crop/square_test.json')


def test_images_that_were_changed_in_place_are_refused(work, tmp_path, capsys):
    """A script that takes out backgrounds, in crop/square: the list's SHA-256 are of the images before it."""
    from pipelines.classify import main as classify
    copy = tmp_path / 'toy-dogs'
    shutil.copytree(work, copy, symlinks=True)
    picture = sorted((copy / 'crop/square').rglob('*.jpg'))[5]
    picture.write_bytes(picture.read_bytes() + b'0')
    arguments = ['--data', str(copy), '--out', str(copy / 'classify'), '--seeds', '0', '--rows', 'resnet18_64px@full']
    assert classify([*arguments, 'resnet18_64px@square']) == 2
    assert f'{copy}/crop/square: expected the files that the stage wrote' in capsys.readouterr().err
    assert not list(copy.rglob('models'))


def test_classify_checks_its_rows_before_the_first_is_trained(work, tmp_path, capsys):
    """Without make: val is the test list in one row, another starts from a file that nothing checks."""
    from pipelines.classify import main as classify
    recipes = {'valtest': "val_dataloader = dict(dataset=dict(ann_file='crop/square_test.json'))",
               'own': "model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='mine.pth')))"}
    for name, line in recipes.items():
        (tmp_path / f'{name}.py').write_text(f"_base_ = '{CONFIGS / SQUARE}'\n{line}\n")
    out = tmp_path / 'work'
    assert classify(['--data', str(work), '--out', str(out / 'classify'), '--seeds', '0', '--jobs', '1', '--rows',
                     'resnet18_64px@square', *(f'{tmp_path}/{name}.py@square' for name in recipes)]) == 2
    said = capsys.readouterr().err
    assert 'valtest.py:2, val_dataloader.dataset.ann_file: expected a list of val' in said
    assert 'own.py:2, model.backbone.init_cfg.checkpoint: expected weights://NAME' in said
    assert not list(out.rglob('model.pth')) and not list(out.rglob('epoch_*.pth'))
