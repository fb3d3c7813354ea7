"""Synthetic images in a training set: which are read in which epoch, how often, and with which labels."""
from __future__ import annotations

import copy
import functools
import gc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.core import images, lineage
from pipelines.core.errors import InputError
from pipelines.core.rows import Images
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import network

LEAF = Path(__file__).resolve().parents[2] / 'mm_configs/classify/resnet18_64px.py'
CLASSES = ['a', 'b', 'c']


@pytest.fixture(scope='module')
def work(tmp_path_factory) -> Path:
    """12 real images of 3 classes, white, and 24 synthetic ones, black."""
    folder = tmp_path_factory.mktemp('mixed')
    for name, count, value in (('crop/square_train', 12, 255), ('synth/gan/train', 24, 0)):
        path = folder / f'{name}.json'
        path.parent.mkdir(parents=True)
        picture = images.encode_png(np.full((64, 64, 3), value, np.uint8))
        for number in range(count):
            (path.parent / f'{number}.png').write_bytes(picture)
        more = dict(box_source='gt') if value else dict(box_source='synthetic', generator='0' * 64)
        lineage.write_list(path, CLASSES, (dict(img_path=f'{number}.png', gt_label=number % 3, split='train', **more)
                                           for number in range(count)))
    return folder


@pytest.fixture(autouse=True)
def _little_garbage():
    """mmengine collects it for each dataset, 0.3 s with its libraries loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


@functools.cache
def config(work: Path, asked: str, options: tuple[str, ...]):
    return mm.load(LEAF, data_root=work, num_classes=3, images=Images.parse(f'square+gan{asked}'), options=options)


def loader(work: Path, asked: str, *, seed: int = 0, options: tuple[str, ...] = ()):
    cfg = copy.deepcopy(config(work, asked, options))
    cfg.train_dataloader.sampler.seed = seed  # as the Runner does
    return network.loader(cfg, 'train')


def read(given, epoch: int) -> list[int]:
    given.sampler.set_epoch(epoch)
    return list(given.sampler)


def test_an_epoch_is_as_long_as_that_of_the_real_images(work):
    for asked in ('', '-x50', '-x200', '-p10', '-p100'):
        given = loader(work, asked)
        assert len(given.sampler) == 12 == len(read(given, 0)) and len(given) == 1


@pytest.mark.parametrize(('asked', 'epochs', 'size'), [('', 2, 24), ('-x50', 3, 18), ('-x200', 3, 36)])
def test_a_pool_is_gone_through_again_and_again(work, asked, epochs, size):
    """In as many epochs as it has images, every image is read as often as any other."""
    given = loader(work, asked)
    times = Counter(index for epoch in range(epochs) for index in read(given, epoch))
    assert set(times) == set(range(size)) and set(times.values()) == {epochs * 12 // size}
    assert read(given, 1) == read(loader(work, asked), 1) != read(loader(work, asked, seed=1), 1)
    assert read(given, 0) != read(given, epochs)  # another order in the next pass


def test_real_images_give_way_with_a_probability(work):
    plain = loader(work, '-p30')
    found = [read(plain, epoch) for epoch in range(200)]
    share = np.mean([index >= 12 for epoch in found for index in epoch])
    assert 0.27 < share < 0.33  # of 2,400: three standard deviations are 0.028
    assert {index for epoch in found for index in epoch} == set(range(36))
    for epoch in range(5):
        plain.sampler.real.set_epoch(epoch)
        for real, seen in zip(plain.sampler.real, read(plain, epoch)):
            assert seen == real or seen >= 12 and (seen - 12) % 3 == real % 3  # one of its class
    assert all(index >= 12 for index in read(loader(work, '-p100'), 0))


def test_what_is_read_is_a_function_of_seed_epoch_and_index(work):
    given, later = loader(work, '-p30'), loader(work, '-p30')
    for epoch in range(3):
        first = read(given, epoch)
    assert read(later, 2) == first  # a run that was resumed there
    assert [later.sampler.replaced(index) for index in range(12)] == [
        given.sampler.replaced(index) for index in reversed(range(12))][::-1]  # in any order, by anybody
    assert read(loader(work, '-p30', seed=1), 2) != first


def test_labels_are_softened_in_the_place_of_real_ones_alone(work):
    def scores(asked: str) -> set:
        given = loader(work, asked, options=('train_dataloader.num_workers=0',))
        return {(int(sample.gt_label), float(picture.float().mean()) > 128,
                 tuple(round(value, 4) for value in sample.gt_score.tolist()) if 'gt_score' in sample else None)
                for epoch in range(8) for _ in [given.sampler.set_epoch(epoch)] for batch in given
                for picture, sample in zip(batch['inputs'], batch['data_samples'])}

    sure = {0: (1, 0, 0), 1: (0, 1, 0), 2: (0, 0, 1)}
    soft = {0: (0.8, 0.1, 0.1), 1: (0.1, 0.8, 0.1), 2: (0.1, 0.1, 0.8)}
    assert scores('-p50') == {(label, real, (sure if real else soft)[label]) for label in range(3) for real in (0, 1)}
    assert scores('') == {(label, real, None) for label in range(3) for real in (True, False)}


def test_vectors_of_a_frozen_network_have_the_same_labels(work):
    from pipelines.openmm.classify.frozen_features import Vectors
    for asked, soft in (('-p50', [0.1, 0.8, 0.1]), ('', None)):
        dataset = loader(work, asked).dataset
        vectors = Vectors(dataset, np.zeros((len(dataset), 4), np.float32))
        real, synthetic = vectors.__getitems__([1, 13])['data_samples']
        assert int(real.gt_label) == int(synthetic.gt_label) == 1 and ('gt_score' in synthetic) == bool(soft)
        if soft:
            assert synthetic.gt_score.tolist() == pytest.approx(soft) and real.gt_score.tolist() == [0, 1, 0]


def test_loader_workers_read_the_same(work):
    def pictures(workers: int) -> list[bool]:
        given = loader(work, '-p50', options=(f'train_dataloader.num_workers={workers}',
                                              f'train_dataloader.persistent_workers={workers > 0}'))
        return [float(picture.float().mean()) > 128 for epoch in range(3)
                for _ in [given.sampler.set_epoch(epoch)] for batch in given for picture in batch['inputs']]

    assert pictures(0) == pictures(2) and len(set(pictures(0))) == 2


def test_processes_share_an_epoch(work, monkeypatch):
    """Two of them read a half each of what one reads."""
    from mmengine.dataset import sampler
    whole = read(loader(work, '-p30'), 1)
    halves = []
    for rank in range(2):
        monkeypatch.setattr(sampler, 'get_dist_info', lambda rank=rank: (rank, 2))
        halves.append(read(loader(work, '-p30'), 1))
    assert [len(half) for half in halves] == [6, 6] and sorted(halves[0] + halves[1]) == sorted(whole)
    assert halves[0] == whole[::2] and halves[1] == whole[1::2]


def test_a_class_without_synthetic_images_is_named(work, tmp_path):
    (tmp_path / 'crop').symlink_to(work / 'crop')
    (tmp_path / 'synth/gan').mkdir(parents=True)
    classes, rows = lineage.read_list(work / 'synth/gan/train.json')
    lineage.write_list(tmp_path / 'synth/gan/train.json', classes, (row for row in rows if row['gt_label'] != 1))
    with pytest.raises(InputError, match=r'train\.json: expected a synthetic image of each class, found none of b'):
        loader(tmp_path, '-p10')
    with pytest.raises(InputError, match='expected 24 images, 2.0 for each real one, found 16'):
        loader(tmp_path, '-x200')


@pytest.mark.mm
@pytest.mark.parametrize('name', ['mixup', 'cutmix', 'resizemix', 'box-cutmix'])
def test_recipes_that_mix_give_labels_that_add_up(work, name):
    """Of a real batch: images of two classes, scores between 0 and 1, and a loss that is a number."""
    path = LEAF.with_name(f'{LEAF.stem}_{name}.py')
    cfg = mm.load(path, data_root=work, num_classes=3, images=Images.parse('square+gan-p50'))
    np.random.seed(1), torch.manual_seed(0)
    model = network.build(cfg).train()
    batch = next(iter(network.loader(cfg, 'train')))
    for _ in range(8):  # half of the batches are mixed
        data = model.data_preprocessor(dict(inputs=list(batch['inputs']), data_samples=[
            sample.clone() for sample in batch['data_samples']]), True)
        scores = torch.stack([sample.gt_score for sample in data['data_samples']])
        assert torch.allclose(scores.sum(dim=1), torch.ones(12)) and scores.min() >= 0
        before = torch.stack([sample.gt_score for sample in batch['data_samples']])
        if not torch.equal(scores, before):
            break
    else:
        pytest.fail('no batch was mixed')
    loss = model(**data, mode='loss')['loss']
    assert torch.isfinite(loss) and loss > 0
