"""The gate on planted generators: real files, figures of synth; what trains is marked mm."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines import classify, gate
from pipelines.core import fingerprint, images, json_files, lineage, shards
from pipelines.core.errors import InputError
from pipelines.core.rows import Row, recipe
from pipelines.crop import crop, parse_boxes
from tests import fake_work

RECIPE = recipe('resnet18_64px', 'classify')
TINY = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'param_scheduler.T_max=1',
        'model.backbone.base_channels=8', 'model.backbone.stem_channels=8', 'model.head.in_channels=64']
SIGNS = {'sound': dict(collapse=[], copying=[]), 'blurred': dict(collapse=['sharpness is 0.46'], copying=[]),
         'copied': dict(collapse=[], copying=['98 % lie nearer to a train image'])}


def plant(work: Path, name: str, signs: dict) -> None:
    """A result of synth whose images are those of train, mirrored; made of themselves, for folds."""
    classes, train = lineage.read_list(work / 'crop/square_train.json')
    folder, listed = work / 'synth' / name, []
    for number, row in enumerate(train):
        path = f'images/{classes[row["gt_label"]]}/{number}.png'
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(images.encode_png(images.decode(work / 'crop' / row['img_path'])[:, ::-1]))
        listed.append(dict(img_path=path, gt_label=row['gt_label'], split='train', box_source='synthetic',
                           seed=number, rank=1 + number % 5 // 4, parents=[row['image_id']],
                           sha256=fingerprint.sha256(folder / path)))
    lineage.write_list(folder / 'train.json', classes, listed)
    figures = {'held-out real': fake_work.figures(coverage_by_class=[.4] * 3), 'synthetic': fake_work.figures(
        coverage_by_class=[.4] * 3)}
    json_files.write(folder / 'metrics.json', dict(
        classes=classes, signs=signs, top_k=1, figures=[dict(feature_space='HOG', rows=figures)]))


@pytest.fixture
def work(toy_dogs_coco: Path, tmp_path: Path) -> Path:
    """Crops of 3 classes, 7 train and 1 val images each, and three generators."""
    root = tmp_path / 'toy-dogs'
    crop(toy_dogs_coco, root / 'crop', by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    for name, signs in SIGNS.items():
        plant(root, name, signs)
    return root


def test_figures_alone_judge_what_collapsed_and_what_copies(work, capsys):
    content = gate.judge(work, work / 'gate', recipe=RECIPE, train=False)
    assert {one['name']: one['verdict'] for one in content['generators']} == dict(
        sound='undecided', blurred='collapsed', copied='copying')
    assert content['let_in'] == [] and not (work / 'models').exists()
    assert 'blurred: COLLAPSED: sharpness is 0.46' in capsys.readouterr().out
    gate.judge(work, work / 'gate', recipe=RECIPE, train=False)
    assert '[gate] up to date' in capsys.readouterr().out


def test_images_are_kept_whose_class_a_classifier_of_real_ones_recognises(work):
    shares = gate.keep(work, 'sound', 1)
    kept = lineage.read_list(work / 'synth/sound_kept/train.json')[1]
    assert shares['kept'] == pytest.approx(17 / 21) and len(kept) == 17 and {row['rank'] for row in kept} == {1}
    for row in kept:
        assert fingerprint.sha256(work / 'synth/sound_kept' / row['img_path']) == row['sha256']
    assert gate.keep(work, 'sound', 2)['kept'] == 1
    assert len(lineage.read_list(work / 'synth/sound_kept/train.json')[1]) == 21
    assert gate.keep(work, 'sound', 0)['kept'] == 0 and not (work / 'synth/sound_kept').exists()


def test_what_is_not_there_is_named(work, tmp_path):
    with pytest.raises(InputError, match='generator dcgan: expected a result of synth: blurred, copied, sound'):
        gate.judge(work, work / 'gate', recipe=RECIPE, generators=['dcgan'])
    with pytest.raises(InputError, match='run make synth first'):
        gate.judge(tmp_path / 'nothing', tmp_path / 'gate', recipe=RECIPE)
    assert gate.main(['--data', str(work), '--recipe', 'resnet18_64px', '--seeds', '2']) == 2


def test_a_profile_s_rows_follow_the_gate(work, capsys):
    table_rows = [Row.parse(f'resnet18_64px@{images}') for images in ('square', 'square+sound', 'square+blurred')]
    assert classify.available(table_rows, work) == table_rows
    assert 'resnet18_64px@square+sound: no gate has judged sound (make gate)' in capsys.readouterr().out
    content = gate.judge(work, work / 'gate', recipe=RECIPE, train=False)
    gate.keep(work, 'sound', 1)
    used = [dict(one, verdict='use', images='square+sound_kept') if one['name'] == 'sound' else one
            for one in content['generators']]
    json_files.write(work / 'gate/gate.json', dict(content, generators=used))
    assert [row.name for row in classify.available(table_rows, work)] == [
        'resnet18_64px@square', 'resnet18_64px@square+sound_kept']
    said = capsys.readouterr().out
    assert 'in place of resnet18_64px@square+sound: the gate lets in square+sound_kept' in said
    assert 'without resnet18_64px@square+blurred: the gate says collapsed of blurred' in said


@pytest.mark.mm
def test_a_real_gate_trains_to_the_last_epoch_and_never_reads_a_test_image(work, monkeypatch):
    monkeypatch.setattr(gate, 'PROBABILITIES', (30,))  # half of the trainings

    def judged(root: Path) -> dict:
        return gate.judge(root, root / 'gate', recipe=RECIPE, seeds=3, jobs=1, options=TINY, generators=['sound'])

    content = judged(work)
    one = content['generators'][0]
    assert (one['folds'], one['held_out'], [gain['percent'] for gain in one['gains']]) == (1, 3, [30])
    assert one['verdict'] == 'undecided' and 'With 3 held-out images and 3 seeds' in one['power']
    models = Path('models/gate/val/models/classify')
    runs = sorted(path.name for path in (work / models).glob('[!.]*-seed*'))
    assert len(runs) == 6 and runs[0] == 'resnet18_64px@square+sound_kept-p30-seed0'
    assert json_files.read(work / models / runs[0] / 'val.json')['best_epoch'] is None  # the last
    assert not (work / 'test_reads.json').exists()

    shutil.copytree(work, other := work.parent / 'other', symlinks=True)
    for row in lineage.read_list(other / 'crop/square_test.json')[1]:
        (other / 'crop' / row['img_path']).write_bytes(images.encode_jpeg(np.zeros((64, 64, 3), np.uint8), 90))
    (other / 'crop/manifest.json').unlink()  # it would say that they were changed
    shutil.rmtree(other / 'gate')
    shutil.rmtree(other / models / runs[0])
    judged(other)
    assert (other / 'gate/gate.json').read_bytes() == (work / 'gate/gate.json').read_bytes()
    same = [fingerprint.sha256(root / models / runs[0] / 'model.pth') for root in (work, other)]
    assert same[0] == same[1]
