"""Every result loads through the libraries' own APIs, from a plain script in another folder, with class names."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core import shards
from pipelines.core.kinds import parse_kinds
from pipelines.core.rows import Images
from pipelines.crop import crop, parse_boxes
from pipelines.openmm.compat import startup

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.mm
BREEDS = 3
STAGES = dict(
    detect=('detect/faster-rcnn_r18_fpn.py', 'convert', ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4']),
    classify=('classify/resnet18_64px.py', '', ['train_cfg.max_epochs=1']),
    synth=('synth/biggan-deep_64px.py', 'crop', [
        'train_cfg.max_iters=2', 'default_hooks.checkpoint.interval=2', 'train_dataloader.batch_size=4',
        'model.generator.arch_cfg.in_channels=[64,64,32,16]', 'model.generator.arch_cfg.out_channels=[64,32,16,8]',
        'model.discriminator.base_channels=4']))


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory) -> Path:
    """A WORK/DATASET folder whose convert and crop are done."""
    folder = tmp_path_factory.mktemp('work')
    (folder / 'convert').symlink_to(toy_dogs_coco)
    crop(toy_dogs_coco, folder / 'crop', kinds=parse_kinds(['square']), by_split=parse_boxes('gt'), size=64,
         engine=shards.Engine(1))
    return folder


@pytest.fixture(scope='module')
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('site')
    (folder / 'fgic.pth').write_text(startup.path_file())
    return folder


def trained(stage: str, work: Path, folder: Path) -> Path:
    """The folder of a short training."""
    from pipelines.openmm.engine import config, training

    leaf, data, options = STAGES[stage]
    cfg = config.load(ROOT / 'mm_configs' / leaf, data_root=work / data, num_classes=BREEDS, options=options,
                      images=Images('square'))
    training.train(cfg, folder, seed=0)
    return folder


def run(code: str, site: Path, **values: object) -> dict:
    """What a script hands to `tell` that knows nothing of this project but for the path file of its environment."""
    start = f'import site, sys; sys.path.insert(0, {str(ROOT)!r}); site.addsitedir({str(site)!r})\n'
    start += 'import json\ndef tell(**found): json.dump(found, open("found.json", "w"))\n'
    start += ''.join(f'{name} = {str(value)!r}\n' for name, value in values.items())
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', start + code], cwd=site, env=environment,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((site / 'found.json').read_text())


def test_a_detector(work, site, tmp_path):
    folder = trained('detect', work, tmp_path / 'run')
    image = next((work / 'convert/images').rglob('*.jpg'))
    found = run('''
from mmdet.apis import inference_detector, init_detector
model = init_detector(f'{folder}/config.py', f'{folder}/model.pth', device='cpu')
boxes = inference_detector(model, image).pred_instances
tell(classes=list(model.dataset_meta['classes']), boxes=list(boxes.bboxes.shape), labels=boxes.labels.tolist())
''', site, folder=folder, image=image)
    assert found['classes'] == ['dog'] and found['boxes'][1] == 4 and set(found['labels']) <= {0}


def test_a_classifier(work, site, tmp_path):
    folder = trained('classify', work, tmp_path / 'run')
    rows = json.loads((work / 'crop/square_test.json').read_text())
    image = work / 'crop' / rows['data_list'][0]['img_path']
    found = run('''
from mmpretrain.apis import ImageClassificationInferencer, get_model
once = ImageClassificationInferencer(f'{folder}/config.py', pretrained=f'{folder}/model.pth', device='cpu')(image)[0]
model = get_model(f'{folder}/config.py', pretrained=f'{folder}/model.pth', device='cpu')
again = ImageClassificationInferencer(model)(image)[0]
tell(classes=list(model._dataset_meta['classes']), names=[once['pred_class'], again['pred_class']],
     label=once['pred_label'], scores=again['pred_scores'].tolist())
''', site, folder=folder, image=image)
    assert found['classes'] == rows['metainfo']['classes'] and len(found['scores']) == BREEDS
    assert found['names'] == [found['classes'][found['label']]] * 2


def test_a_generator(work, site, tmp_path):
    folder = trained('synth', work, tmp_path / 'run')
    found = run('''
import torch
from mmagic.apis import init_model
model = init_model(f'{folder}/config.py', f'{folder}/model.pth', device='cpu')
state = torch.load(f'{folder}/model.pth', weights_only=True)
with torch.inference_mode():
    images = model.generator(None, num_batches=2, label=torch.tensor([0, 1]))
tell(shape=list(images.shape), classes=state['meta']['dataset_meta']['classes'],
     same=all(torch.equal(value, state['state_dict'][name]) for name, value in model.state_dict().items()))
''', site, folder=folder)
    rows = json.loads((work / 'crop/square_train.json').read_text())
    assert found == dict(shape=[2, 3, 64, 64], classes=rows['metainfo']['classes'], same=True)
