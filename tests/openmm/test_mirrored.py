"""Answers of an image and its mirror image."""
from __future__ import annotations

from pathlib import Path

import torch

from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import network

RECIPE = Path(__file__).resolve().parents[2] / 'mm_configs/classify/resnet18_64px.py'


@torch.no_grad()
def test_scores_are_means_and_the_same_for_the_mirror_image():
    from mmpretrain.structures import DataSample
    models = []
    for kind in ('ImageClassifier', 'MirroredClassifier'):
        cfg = mm.load(RECIPE, data_root=Path('x'), num_classes=5, options=[f'model.type={kind}'])
        torch.manual_seed(0)
        models.append(network.build(cfg).eval())
    plain, mirrored = models
    images = torch.randint(0, 256, (3, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)

    def scores(model, given) -> torch.Tensor:
        samples = model.test_step(dict(inputs=list(given), data_samples=[
            DataSample(metainfo=dict(img_path=str(number))).set_gt_label(0) for number in range(len(given))]))
        assert [sample.img_path for sample in samples] == ['0', '1', '2']
        assert all(sample.pred_label.item() == sample.pred_score.argmax() for sample in samples)
        return torch.stack([sample.pred_score for sample in samples])

    one, other = scores(plain, images), scores(plain, images.flip(-1))
    assert not torch.allclose(one, other, atol=1e-4)
    torch.testing.assert_close(scores(mirrored, images), (one + other) / 2)
    torch.testing.assert_close(scores(mirrored, images.flip(-1)), scores(mirrored, images))
