"""BigGAN for few images: LeCam by hand, and classes that come in late."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.mm
CONFIGS = Path(__file__).resolve().parents[2] / 'mm_configs/synth'
TINY = ('model.generator.arch_cfg.in_channels=[64,64,32,16]', 'model.generator.arch_cfg.out_channels=[64,32,16,8]',
        'model.discriminator.base_channels=4', 'model.discriminator.augment=[]')


def build(name: str, *options: str):
    from pipelines.openmm.engine import config, network
    torch.manual_seed(0)
    return network.build(config.load(CONFIGS / f'{name}.py', data_root=Path('nowhere'), num_classes=3,
                                     options=(*TINY, *options)))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """``at(iteration)``: that mmengine has come to it."""
    from mmengine import MessageHub
    hub = MessageHub.get_instance('test-few')
    monkeypatch.setattr(MessageHub, 'get_current_instance', classmethod(lambda cls: hub))
    return lambda iteration: hub.update_info('iter', iteration)


def test_lecam_pulls_predictions_to_the_averages_of_the_other_kind(at):
    model = build('biggan-deep_64px_lecam', 'model.lecam_weight=0.5', 'model.lecam_start=2', 'model.lecam_decay=0.9')
    real, fake = torch.tensor([[2.0], [4.0]]), torch.tensor([[-1.0], [0.5]])
    hinge = (0 + 0) / 2 + (0 + 1.5) / 2
    at(1)
    loss, logged = model.disc_loss(fake, real)
    assert loss.item() == pytest.approx(hinge) and 'loss_lecam' not in logged
    assert (model.mean_real.item(), model.mean_fake.item()) == pytest.approx((0.3, -0.025))
    at(2)
    loss, logged = model.disc_loss(fake, real)
    mean_real, mean_fake = 0.9 * 0.3 + 0.1 * 3, 0.9 * -0.025 + 0.1 * -0.25
    squares = [(2 - mean_fake) ** 2, (4 - mean_fake) ** 2, (-1 - mean_real) ** 2, (0.5 - mean_real) ** 2]
    added = 0.5 * sum(squares) / 2
    assert logged['loss_lecam'].item() == pytest.approx(added, rel=1e-5)
    assert loss.item() == logged['loss'].item() == pytest.approx(hinge + added, rel=1e-5)
    assert {'mean_real', 'mean_fake'} <= set(model.state_dict())  # a resumed training goes on with them


def test_classes_come_in_between_two_iterations(at):
    model = build('biggan-deep_64px_unconditional-start').eval()
    plain = build('biggan-deep_64px').eval()
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if not name.startswith('mean_')})
    z, labels = torch.randn(2, model.noise_size, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2])
    shares, apart = [], []
    with torch.no_grad():
        for iteration in (0, 600, 900, 1200, 2400):
            at(iteration)
            shares.append(model.class_share())
            for generator in (model.generator, model.generator_ema.module):
                one, other = (generator(z[:1], label=label[None]) for label in labels)
                apart.append((one - other).abs().max().item())
            image = one.expand(2, -1, -1, -1)
            scores = model.discriminator(image, labels)
            apart.append((scores[0] - scores[1]).abs().item())
        assert torch.equal(model.generator(z, label=labels), plain.generator(z, label=labels))
        assert torch.equal(model.discriminator(image, labels), plain.discriminator(image, labels))
    assert shares == [0, 0, 0.5, 1, 1]
    assert max(apart[:6]) == 0 < min(apart[6:])
    at(0)
    with pytest.raises(ValueError, match='from iteration 9 to 5'):
        build('biggan-deep_64px_unconditional-start', 'model.conditional_from=9', 'model.conditional_to=5')
