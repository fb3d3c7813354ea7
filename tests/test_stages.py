"""Every stage for real, one iteration or epoch each, on a tiny drawn dataset; and the errors a user meets first."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines import runs
from pipelines.core import coco, json_files, lineage, manifest
from pipelines.core.errors import InputError
from pipelines.core.rows import Row
from pipelines.core.workspace import BESIDE, STAGES, Workspace
from pipelines.runs import Run
from tests.written import strangers

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'mm_configs'


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory):
    """A WORK/<dataset> folder whose convert stage is done."""
    folder = tmp_path_factory.mktemp('work') / 'toy-dogs'
    folder.mkdir()
    (folder / 'convert').symlink_to(toy_dogs_coco)
    return folder


def python(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
    command = [sys.executable, '-m', *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **kwargs)


@pytest.mark.parametrize('module', [
    'data_converters.toy', 'data_converters.convert', 'pipelines.detect', 'pipelines.crop', 'pipelines.synth',
    'pipelines.classify', 'pipelines.predict', 'pipelines.export', 'pipelines.report',
    'pipelines.explain', 'pipelines.robust', 'pipelines.audit_leaks', 'tools.train', 'tools.test'])
def test_help_teaches_without_waiting_for_torch(module):
    done = python(module, '--help')
    assert done.returncode == 0 and 'python' in done.stdout
    assert len(done.stdout.splitlines()) > 10
    loaded = subprocess.run([sys.executable, '-c', f'import sys, {module}; print("torch" in sys.modules)'],
                            capture_output=True, text=True, cwd=ROOT)
    assert loaded.stdout.strip() == 'False'


def test_a_missing_weight_file_is_named(work, tmp_path):
    done = python('pipelines.detect', '--coco', work / 'convert', '--out', tmp_path / 'detect', '--config',
                  CONFIGS / 'detect/faster-rcnn_mobilenet-v2_fpn.py',
                  env={'PATH': '', 'XDG_CACHE_HOME': str(tmp_path), 'FGIC_WEIGHTS': str(tmp_path)})
    assert done.returncode == 2
    assert 'expected the file mobilenet_v2_imagenet1k.pth, found none in' in done.stderr
    assert not (tmp_path / 'detect').exists()


def test_a_full_disk_is_one_line_and_costs_nothing(toy_dogs_coco, tmp_path):
    """Files of at most 4 KiB, the limit that a process can set itself: crops are larger."""
    arguments = ['--coco', str(toy_dogs_coco), '--boxes', 'gt', '--workers', '1', '--out', str(tmp_path / 'crop')]
    assert python('pipelines.crop', *arguments, '--size', '64').returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / 'crop').rglob('*') if path.is_file()}
    code = ('import resource, sys; from pipelines.crop import main; '
            'resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); sys.exit(main(sys.argv[1:]))')
    done = subprocess.run([sys.executable, '-c', code, *arguments, '--size', '512'], capture_output=True, text=True,
                          cwd=ROOT)
    assert done.returncode == 2
    assert 'File too large' in done.stderr and 'remedy: free space' in done.stderr and 'Traceback' not in done.stderr
    assert before == {path: path.read_bytes() for path in (tmp_path / 'crop').rglob('*') if path.is_file()}
    assert python('pipelines.crop', *arguments, '--size', '512').returncode == 0


@pytest.fixture(scope='module')
def commands(work):
    """Those of detect, crop, synth, classify and report on 36 images, run."""
    detect = ['pipelines.detect', '--coco', work / 'convert', '--out', work / 'detect', '--config',
              CONFIGS / 'detect/faster-rcnn_r18_fpn.py', '--cfg-options', 'train_cfg.max_epochs=1',
              'train_cfg.val_interval=1']
    crop = ['pipelines.crop', '--coco', work / 'convert', '--detections', work / 'detect/detections.json', '--out',
            work / 'crop']
    synth = ['pipelines.synth', '--crops', work / 'crop', '--out', work / 'synth/gan', '--config',
             CONFIGS / 'synth/biggan-deep_64px.py', '--images-per-class', '7', '--classifier-steps', '2',
             '--cfg-options', 'train_cfg.max_iters=1', 'sampling.standing_batches=1']
    rows = [f'resnet18_64px@{images}' for images in ('full', 'square', 'square+gan')]
    classify = ['pipelines.classify', '--data', work, '--out', work / 'classify', '--rows', *rows, '--seeds', '0', '1',
                '--jobs', '2', '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    report = ['pipelines.report', '--work', work, '--out', work / 'report']
    commands = (detect, crop, synth, classify, report)
    for command in commands:
        done = python(*command)
        assert done.returncode == 0, done.stderr[-3000:]
        assert 'start method' not in done.stderr
    return commands


@pytest.mark.mm
def test_the_stages_run(work, commands):
    boxes = json.loads((work / 'detect/detections.json').read_text())
    assert {row['category_id'] for row in boxes} <= {1}
    assert len(lineage.read_list(work / 'synth/gan/train.json')[1]) == 21
    table = json.loads((work / 'classify/table.json').read_text())
    assert [row['train_images'] for row in table['rows']] == [21, 21, 42]
    assert [row['title'] for row in table['rows']] == [
        f'ResNet-18 at 64 px, {images}' for images in ('full images', 'square crops', 'square crops + gan')]
    ledger = json.loads((work / 'test_reads.json').read_text())
    assert sorted((read['row'], read['seed']) for read in ledger['reads']) == sorted(
        (row['name'], seed) for row in table['rows'] for seed in (0, 1))
    assert table['test_reads'] == 6 and table['family'] == 3 and table['val_images'] == 3
    predictions = json.loads((work / 'classify/predictions/resnet18_64px@square-seed1.json').read_text())
    assert sorted(predictions['image_id']) == sorted(coco.read(work / 'convert/test.json').images)
    assert table['rows'][1]['runs']['1']['top1'] == pytest.approx(
        sum(max(range(3), key=scores.__getitem__) == label for scores, label in
            zip(predictions['scores'], predictions['label'])) / 12)
    assert all(row['val']['top1_interval'] and row['change']['verdict'] for row in table['rows'][1:])
    assert table['headline'] == max(table['rows'], key=lambda row: row['val']['top1'])['name']


@pytest.mark.mm
def test_results_say_what_made_them(work, commands):
    for path in (work / 'detect', work / 'models/detect/faster-rcnn_r18_fpn', work / 'models/synth/biggan-deep_64px',
                 work / 'models/classify/resnet18_64px@square-seed1'):
        content = manifest.found(path)
        assert content and [set(row) for row in content['made']] == [
            {'code', 'device', 'cpu', 'instructions', 'threads'}]
        if 'OMP_NUM_THREADS' in os.environ:
            assert content['made'][0]['threads'] == int(os.environ['OMP_NUM_THREADS'])
        assert {'numpy', 'torch', 'torchvision', 'opencv-python-headless'} <= content['versions'].keys()
    trained = manifest.load(work / 'models/detect/faster-rcnn_r18_fpn')
    assert trained['parameters']['processes'] == 1
    assert trained['parameters']['options'] == ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    assert [row['path'] for row in trained['inputs']] == [
        'convert/images of train', 'convert/images of val', 'convert/train.json', 'convert/val.json']


@pytest.mark.mm
def test_the_stages_write_what_the_table_of_stages_says(work, commands):
    space = Workspace(work)
    always = [name for name, stage in STAGES.items() if not stage.asked]
    assert {name: [str(path.relative_to(work)) for path in space.results(name)] for name in always} == dict(
        convert=['convert/summary.json'], detect=['detect/metrics.json'], crop=['crop/summary.json'],
        synth=['synth/gan/metrics.json'], classify=['classify/table.json'], report=['report/index.html'])
    assert {name: strangers(space.folder(name, 'gan'), name) for name in always} == {name: [] for name in always}
    assert {path.name for path in work.iterdir() if path.name[0] != '.'} <= {*STAGES, *BESIDE}


@pytest.mark.mm
def test_the_stages_are_up_to_date(work, commands):
    manifests = {path: path.read_bytes() for path in work.glob('**/manifest.json')}
    assert len(manifests) >= 12
    for command in commands:
        done = python(*command)
        assert done.returncode == 0 and 'up to date' in done.stdout, done.stdout + done.stderr
        assert 'it/s' not in done.stderr
    assert manifests == {path: path.read_bytes() for path in work.glob('**/manifest.json')}


@pytest.mark.mm
def test_results_of_other_crops_do_not_go_together(work, commands, tmp_path):
    """After another crop, classify refuses the generator's images of the earlier one, and report the earlier table."""
    copy = tmp_path / 'toy-dogs'
    shutil.copytree(work, copy, symlinks=True, ignore=shutil.ignore_patterns(manifest.LOGS))
    crop = ['pipelines.crop', '--coco', copy / 'convert', '--detections', copy / 'detect/detections.json', '--out',
            copy / 'crop', '--size', '48']
    assert python(*crop).returncode == 0
    done = python('pipelines.classify', '--data', copy, '--out', copy / 'classify', '--rows',
                  'resnet18_64px@square+gan')
    assert done.returncode == 2 and 'expected a result made from the present crop' in done.stderr
    assert 'run that stage again: make synth' in done.stderr
    done = python('pipelines.report', '--work', copy)
    assert done.returncode == 2 and 'found one made from another crop/' in done.stderr
    assert 'make classify' in done.stderr or 'make synth' in done.stderr


@pytest.mark.mm
def test_the_test_split_stays_shut_when_it_is_told_to(work, commands, tmp_path):
    before = (work / 'test_reads.json').read_bytes()
    done = python('pipelines.classify', '--data', work, '--out', tmp_path / 'classify', '--rows', 'resnet18_64px@full',
                  'resnet18_64px@square', '--seeds', '0', '1', '--test', 'no', '--models', work / 'models/classify',
                  '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
    assert done.returncode == 0 and 'test was not read: all figures are of val' in done.stdout, done.stderr
    table = json.loads((tmp_path / 'classify/table.json').read_text())
    assert table['split'] == 'val' and table['rows'][0]['top1'] == table['rows'][0]['val']['top1']
    assert (work / 'test_reads.json').read_bytes() == before


@pytest.mark.mm
def test_readings_of_test_outlive_their_ledger_and_make_a_table_old(work, commands, tmp_path):
    copy = tmp_path / 'toy-dogs'
    shutil.copytree(work, copy, symlinks=True, ignore=shutil.ignore_patterns(manifest.LOGS))
    (copy / 'test_reads.json').unlink()

    def classify(out: str, *kinds: str) -> dict:
        done = python('pipelines.classify', '--data', copy, '--out', copy / out, '--rows',
                      *(f'resnet18_64px@{kind}' for kind in kinds), '--seeds', '0', '1', '--cfg-options',
                      'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
        assert done.returncode == 0 and 'it/s' not in done.stderr, done.stderr
        assert ('[classify] 6 readings of test that tested/ holds were not in test_reads.json' in done.stdout) == (
            kinds == ('full', 'square'))
        return json_files.read(copy / out / 'table.json')

    table = classify('classify', 'full', 'square')
    assert (table['test_reads'], table['family']) == (6, 2)  # the third row was read as well
    assert python('pipelines.report', '--work', copy).returncode == 0
    for kinds in (('full', 'square+gan'), ('square', 'square+gan')):
        classify('other', *kinds)
    done = python('pipelines.report', '--work', copy)
    assert done.returncode == 2 and 'expected a table corrected for all 3 comparisons' in done.stderr
    assert 'found one of when it was 2, in 6' in done.stderr and 'run make classify again' in done.stderr
    assert classify('classify', 'full', 'square', 'square+gan')['family'] == 3
    assert python('pipelines.report', '--work', copy).returncode == 0


@pytest.mark.mm
def test_a_config_that_is_edited_while_it_trains_does_not_predict(work, commands, tmp_path, monkeypatch):
    """val.json is of the network as trained; test is not read until the run is made again with the edit."""
    from pipelines.openmm.engine import training

    text = f"_base_ = '{CONFIGS}/classify/resnet18_64px.py'\ntrain_cfg = dict(max_epochs=1)\n"
    (tmp_path / 'mine.py').write_text(text)
    run = Run(work, Row.parse(f'{tmp_path}/mine.py@square'), 0, tmp_path / 'models/classify')
    before, real = run.parameters(), training.train

    def edited(*args: object, **kwargs: object) -> dict:
        (tmp_path / 'mine.py').write_text(text + '_base_.test_dataloader.dataset.pipeline[1].scale = (8, 8)\n'
                                          '_base_.val_dataloader.dataset.pipeline[1].scale = (8, 8)\n')
        return real(*args, **kwargs)

    monkeypatch.setattr(training, 'train', edited)
    runs.train(run)
    written = np.array(json_files.read(run.folder / 'val.json')['scores'])
    assert manifest.load(run.folder)['parameters'] == before != run.parameters()
    with pytest.raises(InputError, match='expected the result that this run made or found there'):
        runs.test(run)
    assert not run.tested.exists()
    from pipelines.openmm.classify import classification
    lists = work / 'crop/square_val.json'
    assert np.abs(classification.predict(run.load(), run.folder / 'model.pth', lists, 'val') - written).max() > 1e-3
    (tmp_path / 'mine.py').write_text(text)
    scores = classification.predict(run.load(), run.folder / 'model.pth', lists, 'val')
    assert scores == pytest.approx(written, abs=1e-4)


@pytest.mark.mm
def test_predictions_are_those_of_the_training(work, commands):
    """Read on val with the saved weights, a classifier has the top-1 that its training logged for that epoch."""
    run = Run(work, Row.parse('resnet18_64px@square'), 1, work / 'models/classify')
    from pipelines.openmm.classify import classification
    scores = classification.predict(run.load(), run.folder / 'model.pth', work / 'crop/square_val.json', 'val')
    labels = [row['gt_label'] for row in lineage.read_list(work / 'crop/square_val.json')[1]]
    written = json_files.read(run.folder / 'val.json')
    assert written['label'] == labels and scores == pytest.approx(np.array(written['scores']), abs=1e-4)
    logged = [json.loads(line) for line in (run.folder / 'metrics.jsonl').read_text().splitlines()]
    best = written['best_epoch']
    expected = next(row['val/accuracy/top1'] for row in logged if row['epoch'] == best and 'val/accuracy/top1' in row)
    assert 100 * (scores.argmax(1) == labels).mean() == pytest.approx(expected, abs=1e-3)


@pytest.mark.mm
def test_a_test_image_in_a_training_list_stops_classify(work, tmp_path):
    rows = lineage.read_list(work / 'crop/full_test.json')[1]
    classes, train = lineage.read_list(work / 'crop/full_train.json')
    copy = tmp_path / 'toy-dogs'
    (copy / 'crop').mkdir(parents=True)
    for path in (work / 'crop').iterdir():
        (copy / 'crop' / path.name).symlink_to(path.resolve())
    (copy / 'crop/full_train.json').unlink()
    lineage.write_list(copy / 'crop/full_train.json', classes, [*train, dict(rows[0], split='train')])
    run = Run(copy, Row.parse('resnet18_64px@full'), 0, tmp_path / 'models')
    with pytest.raises(lineage.InputError, match='full_train.json, row 21: expected images of the train split only'):
        runs.train(run)
    assert not run.folder.exists() and manifest.recorded(work / 'crop')
