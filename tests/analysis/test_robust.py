"""make robust on a trained row: a whole card, its order of attacks, what is left out, a section of the report."""
from __future__ import annotations

import json

import pytest

from pipelines import report, robust
from pipelines.analysis import attacked, card, trained
from pipelines.analysis.background import VARIANTS
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import network
from tests.analysis.conftest import ROWS
from tests.written import strangers

pytestmark = pytest.mark.mm
LITTLE = card.Effort(images=6, severities=(1,), plan=attacked.Plan(auto_eps=(2,), queries=10, restarts=1, l2=(0.5,)),
                     slopes=1)


@pytest.fixture(scope='module')
def made(trained_work):
    row = trained.rows(trained_work, [ROWS[1]])[0]
    out = trained_work / 'robust' / row.name
    assert robust.robust(row, out, LITTLE)
    return row, out, json.loads((out / 'card.json').read_text())


def test_a_card_has_every_part(made):
    _, out, said = made
    assert strangers(out, 'robust') == []
    assert (said['images'], said['of'], said['classes'], said['seeds']) == (6, 12, 3, [0])
    assert {part for part in card.PARTS if said[part]} == {*card.PARTS} - {'certified'}  # it was not trained with noise
    assert set(said['background']['variants']) == set(VARIANTS)
    assert said['background']['images'] + said['background']['left_out'] == 6
    assert set(said['corruptions']['kinds']['fog']) == {'1'} and 0 <= said['corruptions']['mean']['value'] <= 1
    assert said['calibration']['0']['images'] == 12
    assert 0 < said['lipschitz']['lower'] < said['lipschitz']['upper']


def test_stronger_attacks_leave_less(made):
    said = made[2]['attacks']
    for level in said['levels']:
        order = [said['clean'], *level['attacks']]
        values = [one['accuracy']['value'] for one in order]
        assert values == sorted(values, reverse=True)
        assert all(one['accuracy']['interval'][0] <= one['accuracy']['value'] <= one['accuracy']['interval'][1]
                   for one in order)
    assert [one['attack'] for one in said['levels'][1]['attacks']] == ['FGSM', 'PGD-10', 'PGD-40', 'APGD + Square']
    assert said['clean'] == made[2]['corruptions']['clean']


def test_the_parts_of_the_command_are_those_of_the_card(made, capfd):
    row, out, _ = made
    assert robust._PARTS == card.PARTS
    assert not robust.robust(row, out, LITTLE) and 'up to date' in capfd.readouterr().out
    with pytest.raises(InputError, match='--parts'):
        robust.main.__wrapped__(['--work', str(row.runs[0].work), '--parts', 'attack'])


def test_the_report_shows_it(made, trained_work):
    assert report.main(['--work', str(trained_work)]) == 0
    page = (trained_work / 'report/index.html').read_text()
    assert all(text in page for text in (
        'How the rows break', 'APGD + Square', 'surroundings of', 'Can its probabilities be believed?',
        'On 6 of 12 test'))


def test_a_row_that_was_trained_with_noise_is_certified(trained_work):
    import torch

    from pipelines.analysis import certified
    path = mm.Path(__file__).resolve().parents[2] / 'mm_configs/classify/resnet18_64px_noise.py'
    cfg = mm.load(path, data_root=trained_work, num_classes=3)
    assert certified.sigma_of(cfg) == 0.12
    net = network.build(cfg).train()
    seen = []
    net.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    sample = next(iter(network.loader(cfg, 'val')))['data_samples'][0]
    grey = torch.zeros(4, 3, 64, 64)
    net.loss(grey, [sample] * 4)
    assert float(seen[0].std()) == pytest.approx(0.12 * 255 / 64, rel=0.05)  # normalised by 64
    net.eval()(grey)
    assert torch.equal(seen[1], grey)
    plain = mm.load(path.with_name('resnet18_64px.py'), data_root=trained_work, num_classes=3)
    assert certified.sigma_of(plain) is None
