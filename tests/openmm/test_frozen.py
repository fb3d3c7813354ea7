"""Frozen networks, and their vectors that are computed once."""
from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.optim import OptimWrapper

from pipelines.core.errors import InputError
from pipelines.openmm.engine import config, lint
from pipelines.openmm.engine import network as networks
from tests.openmm import small

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cfg(toy_dogs_work, tmp_path):
    """A frozen network on full images at 64 px, its vectors kept; data_root is a copy of WORK."""
    work = tmp_path / 'work'
    work.mkdir()
    for name in ('convert', 'crop'):
        (work / name).symlink_to(toy_dogs_work / name)
    path, base = tmp_path / 'probe.py', ROOT / 'mm_configs/_base_'
    path.write_text(f"""_base_ = ['{base}/datasets/crops_64px.py', '{base}/runtime/classify.py',
          '{base}/schedules/classify_probe.py']
default_scope = 'mmpretrain'
train_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = {small.config('FrozenClassifier')}
model['head']['num_classes'] = 3
""")
    return config.load(path, data_root=work, num_classes=3)


def frozen(cfg: Config, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    network = networks.build(cfg)
    network.init_weights()
    return network


def test_a_frozen_part_is_bit_equal_after_training():
    network = small.network('FrozenClassifier')
    before = copy.deepcopy(network.state_dict())
    inputs, samples = small.batch()
    wrapper = OptimWrapper(torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.5))
    network.train()
    for _ in range(3):
        losses, _ = network.parse_losses(network(inputs, samples, mode='loss'))
        wrapper.update_params(losses)
    after = network.state_dict()
    moved = [name for name, value in before.items() if not value.equal(after[name])]
    assert moved == ['head.fc.weight', 'head.fc.bias']
    assert network.head.training and not network.backbone.training and not network.backbone.bn1.training
    with pytest.raises(InputError, match='model.frozen: expected modules of the network.*found backbones'):
        small.network('FrozenClassifier', frozen=['backbones'])


def test_logits_of_kept_vectors_are_those_of_images(cfg):
    from pipelines.openmm.classify import frozen_features as features
    network = frozen(cfg)
    images = networks.loader(cfg, 'val')
    kept = features.loader(cfg, 'val', network, images)
    network.eval()
    with torch.inference_mode():
        (plain,), (cached,) = ([network.test_step(batch) for batch in of] for of in (images, kept))
    assert [sample.img_path for sample in plain] == [sample.img_path for sample in cached] and len(plain) == 3
    for one, other in zip(plain, cached):
        assert one.pred_score == pytest.approx(other.pred_score, abs=1e-5) and one.gt_label == other.gt_label


def test_vectors_are_computed_once_and_gone_on_with(cfg, monkeypatch):
    """Parts that are there are read; other weights, other preparation and other images have their own."""
    from pipelines.openmm.classify import frozen_features as features
    monkeypatch.setattr(features, '_PART', 1)
    monkeypatch.setattr(features, '_BATCH', 8)
    seen: list[int] = []
    network = frozen(cfg)
    network.backbone.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))

    def vectors(split: str = 'train', of: Config = cfg, net: torch.nn.Module = network) -> np.ndarray:
        seen.clear()
        return features.loader(of, split, net, networks.loader(of, split)).dataset.vectors.numpy()

    whole = vectors()
    assert whole.shape == (21, 128) and seen == [8, 8, 5]
    assert np.array_equal(vectors(), whole) and seen == []
    parts = sorted((Path(cfg.data_root) / 'features').glob('*/part-*.npz'), key=lambda path: path.stat().st_size)
    assert len(parts) == 3
    parts[-1].unlink(), parts[0].write_bytes(b'PK')  # killed before one was written; a damaged one
    assert np.array_equal(vectors(), whole) and sorted(seen) == [5, 8]
    assert vectors('val').shape == (3, 128) and seen == [3]
    other = frozen(cfg, seed=1)
    assert not np.array_equal(vectors(net=other), whole)
    larger = copy.deepcopy(cfg)
    larger.train_dataloader.dataset.pipeline[1].scale = (48, 48)
    assert not np.array_equal(vectors(of=larger), whole) and seen == [8, 8, 5]
    keys = [path.name for path in (Path(cfg.data_root) / 'features').iterdir()]
    assert len(keys) == 3  # train and val share theirs
    trained = frozen(cfg)
    with torch.no_grad():
        trained.head.fc.weight.add_(1)
    assert np.array_equal(vectors(net=trained), whole) and seen == []


def test_a_network_that_is_trained_has_no_vectors(cfg):
    from pipelines.openmm.classify import frozen_features as features
    network = frozen(cfg)
    network.backbone.layer4.requires_grad_(True)
    hook = features.FeatureCacheHook()
    runner = SimpleNamespace(model=network, cfg=cfg, val_loop=None,
                             train_loop=SimpleNamespace(dataloader=networks.loader(cfg, 'train')))
    with pytest.raises(InputError, match='expected a frozen backbone and neck .* found backbone.layer4.0.conv1.weight'):
        hook.before_train(runner)


def test_random_train_images_are_refused_where_each_is_seen_once(cfg, tmp_path):
    path = tmp_path / 'random.py'
    path.write_text("""_base_ = './probe.py'
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'), dict(type='Resize', scale=(64, 64)),
    dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]))
""")
    found = lint.findings(path, data_root=Path(cfg.data_root), categories=lint.named(['a', 'b', 'c']))
    assert ['train_dataloader.dataset.pipeline.2.type: expected the same train image each time, found RandomFlip' in
            str(finding) for finding in found] == [True]


def test_vectors_of_one_length():
    small.network()
    from pipelines.openmm.classify.frozen import UnitLengthClsHead
    head = UnitLengthClsHead(num_classes=3, in_channels=16, length=8.)
    vectors = torch.rand(4, 16)
    assert head.pre_logits((vectors,)).norm(dim=1) == pytest.approx(torch.full((4,), 8.), abs=1e-5)
    assert head((vectors * 7,)).detach() == pytest.approx(head((vectors,)).detach(), abs=1e-5)
