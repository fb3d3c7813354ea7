"""From a generator of ImageNet's 1000 classes to one of ours."""
from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest
import torch

from pipelines.core.errors import InputError
from pipelines.openmm.synth import gan_transfer
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights.conversions import biggan_deep

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / 'shared'
TINY = ['model.generator.arch_cfg.in_channels=[64,64,32,16]', 'model.generator.arch_cfg.out_channels=[64,32,16,8]',
        'model.discriminator.base_channels=4', 'train_dataloader.batch_size=4', 'default_hooks.checkpoint.interval=1']
SETTINGS = {key: value for key, value in biggan_deep.SETTINGS.items()
            if key in ('sn_style', 'rgb2bgr', 'blocks_cfg', 'out_norm_cfg')}


def test_a_breed_of_imagenet_starts_from_itself():
    assert gan_transfer.imagenet_classes(dict(supercategory='dog', wnid='n02085620')) == [151]  # Chihuahua
    assert gan_transfer.imagenet_classes(dict(supercategory='dog', wnid='n02116738')) == [275]  # African hunting dog


def test_other_classes_start_from_all_of_their_kind():
    from timm.data import ImageNetInfo
    info = ImageNetInfo()
    birds = gan_transfer.imagenet_classes(dict(supercategory='bird', name='Black_footed_Albatross'))
    names = [info.index_to_description(index) for index in birds]
    assert len(birds) == 59 and names[0].startswith('cock') and names[-1].startswith('albatross')
    dogs = gan_transfer.imagenet_classes(dict(supercategory='dog', wnid='n90000001'))
    names = [info.index_to_description(index) for index in dogs]
    assert len(dogs) == 118 and names[0].startswith('Chihuahua') and names[-1].startswith('Mexican hairless')
    assert list(gan_transfer.imagenet_classes(dict(supercategory='mushroom'))) == list(range(1000))


@pytest.mark.skipif(not SHARED.exists(), reason='needs ../shared/data/full_annotations')
def test_every_stanford_breed_is_a_class_of_imagenet():
    with tarfile.open(SHARED / 'data/full_annotations/stanford_dogs_annotation.tar.gz') as archive:
        wnids = {found[0] for name in archive.getnames() if (found := re.findall(r'(n\d{8})-', name))}
    found = {wnid: gan_transfer.imagenet_classes(dict(supercategory='dog', wnid=wnid)) for wnid in wnids}
    assert len(found) == 120 and all(len(indices) == 1 for indices in found.values())
    assert len({indices[0] for indices in found.values()}) == 120


def test_embeddings_are_rows_and_means():
    state = {gan_transfer.EMBEDDING: torch.arange(1000.)[:, None] * torch.ones(2), 'other': torch.ones(1)}
    ours = gan_transfer.for_classes(state, [dict(supercategory='dog', wnid='n02085620'), dict(supercategory='bird')])
    mean = sum([*range(7, 25), *range(80, 101), *range(127, 147)]) / 59
    assert ours[gan_transfer.EMBEDDING].tolist() == [[151, 151], pytest.approx([mean, mean])]
    assert ours['other'] is state['other']


def test_crops_carry_what_finds_a_class_in_imagenet(toy_dogs_coco, tmp_path):
    from pipelines.crop import crop, parse_boxes
    crop(toy_dogs_coco, tmp_path / 'crop', by_split=parse_boxes('gt'), size=64)
    metainfo = json.loads((tmp_path / 'crop/square_train.json').read_text())['metainfo']
    assert [row['name'] for row in metainfo['categories']] == metainfo['classes']
    assert metainfo['categories'][0].keys() >= {'wnid', 'supercategory'}


@pytest.fixture
def start(toy_dogs_coco: Path, tmp_path: Path):
    """``start(iterations, **settings)``: train 3 toy breeds from a tiny generator of 1000 classes; its weights."""
    from pipelines.crop import crop, parse_boxes
    from pipelines.openmm.engine import config, training

    crops = tmp_path / 'crop'
    crop(toy_dogs_coco, crops, by_split=parse_boxes('gt'), size=64)
    leaf = ROOT / 'mm_configs/synth/biggan-deep_64px.py'

    def run(iterations: int, **settings: object) -> dict:
        given = tmp_path / 'imagenet.pth'
        cfg = config.load(leaf, data_root=crops, num_classes=3,
                          options=[*TINY, f'train_cfg.max_iters={iterations}', f'load_from={given}'])
        cfg.model.generator.update({**SETTINGS, **settings})
        cfg.custom_hooks.append(dict(type='ImageNetGeneratorHook'))
        cfg.optim_wrapper.generator.optimizer.lr = 0.0
        if not given.exists():
            from mmagic.registry import MODELS
            torch.save(MODELS.build({**cfg.model.generator, 'num_classes': 1000}).state_dict(), given)
        training.train(cfg, tmp_path / 'run', seed=0)
        return weights.load(tmp_path / 'run/model.pth')

    return run


@pytest.mark.mm
def test_a_training_starts_from_it_and_resumes_from_its_own(start, tmp_path):
    trained = start(1)
    given = torch.load(tmp_path / 'imagenet.pth', weights_only=True)
    dogs = given[gan_transfer.EMBEDDING][151:269].mean(dim=0)  # the toy's breeds are none of ImageNet's
    for part in ('generator', 'generator_ema.module'):
        assert torch.allclose(trained[f'{part}.{gan_transfer.EMBEDDING}'], dogs.expand(3, -1))
        name = 'conv_blocks.0.conv1.conv.weight_orig'
        assert torch.allclose(trained[f'{part}.{name}'], given[name])
    log = next((tmp_path / 'run/logs').rglob('*.log')).read_text()
    assert re.search(r'imagenet.pth; starting anew: discriminator\n', log)

    torch.save({name: value + 1 for name, value in given.items()}, tmp_path / 'imagenet.pth')
    again = start(2)
    assert torch.allclose(again[f'generator.{gan_transfer.EMBEDDING}'], dogs.expand(3, -1))


@pytest.mark.mm
def test_a_generator_with_other_settings_is_refused(start):
    with pytest.raises(InputError, match='found rgb2bgr=False, eps of batch norm'):
        start(1, rgb2bgr=False)


@pytest.mark.mm
def test_a_list_without_categories_is_refused(start, tmp_path):
    path = tmp_path / 'crop/square_train.json'
    content = json.loads(path.read_text())
    del content['metainfo']['categories']
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r'square_train.json: expected metainfo.categories.*\n.*make crop again'):
        start(1)
