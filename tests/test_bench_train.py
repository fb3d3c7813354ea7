"""That bench-train counts what it says, compares like with like, and tells a figure from an aim."""
from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.core.errors import InputError
from tools.bench import clock, measure, train, train_child, train_sides, train_work

SMALL = {train_sides.stage_of(case.leaf): case for case in train.CASES['small']}


def _work(run) -> train_work.Work:
    with train_work.counted() as work:
        run()
    return work


def test_flops_of_a_step_by_precision():
    """A multiply-add is two; a backward pass is two products, the first layer's one: its input needs no gradient."""
    network = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 5))
    rows = torch.ones(7, 30)
    assert _work(lambda: network(rows).sum().backward()).flops == {'float32': 2 * 7 * (2 * 30 * 20 + 3 * 20 * 5)}
    convolution = nn.Conv2d(3, 8, 3, padding=1)
    with torch.autocast('cpu', torch.bfloat16), torch.no_grad():
        assert _work(lambda: convolution(torch.ones(2, 3, 16, 16))).flops == {'bfloat16': 2 * 2 * 256 * 27 * 8}


@pytest.mark.parametrize(('run', 'expected'), [
    (lambda a, b: a + b, 3 * 4000),
    (lambda a, b: a.add_(b), 3 * 4000),
    (lambda a, b: a.copy_(b), 2 * 4000),
    (lambda a, b: a.zero_(), 4000),
    (lambda a, b: a + b[:1].expand(1000), 4000 + 4 + 4000),
    (lambda a, b: a.view(10, 100).t()[0].detach(), 0),
    (lambda a, b: torch.empty(1000), 0),
    (lambda a, b: torch.zeros(1000), 4000),
    (lambda a, b: a.double(), 4000 + 8000)])
def test_traffic_is_operands_and_results(run, expected):
    a, b = torch.ones(1000), torch.ones(1000)
    assert _work(lambda: run(a, b)).traffic == expected


def test_the_flops_of_resnet50_are_the_known_ones():
    """8.2 GFLOP at 224 px: 4.09 billion multiply-adds in torchvision's documentation."""
    from torchvision.models import resnet50

    with torch.device('meta'), torch.no_grad():
        network = resnet50().eval()
        flops = _work(lambda: network(torch.empty(1, 3, 224, 224))).flops
    assert flops['float32'] == pytest.approx(2 * 4.089e9, rel=1e-3)


def test_a_compiled_part_is_counted_as_written():
    layer = nn.Linear(30, 20)
    plain = _work(lambda: layer(torch.ones(7, 30)))
    layer.compile(backend='eager')
    assert _work(lambda: layer(torch.ones(7, 30))) == plain


@pytest.mark.mm
def test_limits_are_those_of_large_products_and_copies():
    found = train_work.limits()
    assert set(found) - {'float16'} == {'float32', 'bfloat16', 'float64', 'bytes'}
    assert all(1e8 < value < 1e16 for value in found.values())


def test_shares_add_up_over_precisions():
    work = train_work.Work(Counter(float32=4e9, bfloat16=8e9), traffic=3_000_000)
    limits = dict(float32=1e10, bfloat16=4e10, bytes=1e7)
    assert train_work.share(work, 2.0, limits) == pytest.approx((0.3, 0.15))


def test_the_clock_leaves_the_warm_up_out(monkeypatch):
    ticks = iter([10., 25.])
    monkeypatch.setattr(clock, 'now', lambda: next(ticks))
    hook = clock.ClockHook(warm_up=2, iterations=3)
    for number in range(4):
        hook.after_train_iter(None, number, 'batch', dict(loss=1))
    with pytest.raises(clock.Done) as done:
        hook.after_train_iter(None, 4, 'last', dict(loss=2))
    assert (done.value.seconds, done.value.batch, done.value.outputs) == (15., 'last', dict(loss=2))


def test_a_gan_is_timed_over_whole_rounds_of_its_updates():
    from mmengine import Config

    gan = Config(dict(model=dict(discriminator_steps=2), optim_wrapper=dict(discriminator=dict(accumulative_counts=4))))
    assert train_child._cycle(gan) == 8
    assert train_child._cycle(Config(dict(model=dict(), optim_wrapper=dict(accumulative_counts=3)))) == 3


def _found(what: str = 'ResNet-50, 224 px', *, faster: float = 2.5, flops: float = 1e9) -> train.Found:
    case = next(case for case in train.CASES['full'] if case.what == what)

    def side(speed: float, flops: float) -> list[dict]:
        return [dict(images=4, loop=each / speed, step=each / speed / 2, peak_mb=100 * each, traffic=1e6,
                     flops=dict(float32=flops)) for each in (0.01, 0.02, 0.04)]

    return train.Found(case, 'train', side(1, 1e9), side(faster, flops))


def test_a_row_has_rates_ratio_memory_and_shares():
    limits = dict(float32=1e12, bytes=1e9)
    loop, step = train.rows(_found(), limits, 'CPU')
    assert loop == ('| ResNet-50, 224 px, training, with its loader |  | 50.0 | 125 | '
                    '2.50x (2.50 to 2.50 in 3 rounds) | 4 / 4 | 5% / 12% | 5% / 12% |  |')
    assert step.split(' | ')[2:6] == ['100', '250', '2.50x (2.50 to 2.50 in 3 rounds)', '']


def test_aims_are_asked_of_that_device_only():
    limits = dict(float32=1e12, bytes=1e9)

    def asked(device: str, faster: float) -> list[str]:
        return train.rows(_found(faster=faster), limits, device)[0].split(' | ')[1::7]

    assert asked('NVIDIA H200', 60) == ['5,500 img/s, 2x', 'missed |']  # 3,000 img/s
    assert asked('NVIDIA A100-SXM4-80GB', 60) == ['2,500 img/s, 2x', 'holds |']
    assert asked('Tesla T4', 2.5) == ['2x', 'holds |'] and asked('Tesla T4', 1.9) == ['2x', 'missed |']


def test_more_flops_than_the_limit_are_called_impossible():
    row, _ = train.rows(_found(), dict(float32=4e10, bytes=1e9), 'CPU')  # of 5e10 and 12.5e10 FLOP/s
    assert '| 125% / 312%, so that limit was measured too low |' in row


def test_every_aim_belongs_to_a_case():
    cases = {(case.what, phase) for case in train.CASES['full'] for phase in train.PHASES}
    assert all(set(aims) <= cases for aims in train.AIMS.values())
    assert train.aim('NVIDIA H200 NVL', _found().case, 'train') == 5500


def test_other_work_is_named():
    row = train.rows(_found(flops=1.5e9), dict(float32=1e12, bytes=1e9), 'CPU')[0]
    assert 'in 3 rounds), not the same work |' in row


@pytest.mark.parametrize(('arguments', 'message'), [
    (['--only', 'crop'], 'expected detect, synth, classify, found crop'),
    (['--against', 'a.py'], 'expected --config LEAF'),
    (['--config', 'mm_configs/classify/nothing.py'], 'expected a file mm_configs/'),
    (['--config', 'mm_configs/classify/vit-base-p16.py'], 'found one without a counterpart')])
def test_wrong_words_stop_before_anything_is_measured(arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(train.ROOT)
    monkeypatch.setattr(measure, 'run', None)
    assert train.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_options_reach_our_side_and_its_counterpart_only(monkeypatch):
    jobs = []

    def run(module, phase, text, **kwargs):
        jobs.append(json.loads(text))
        words = json.dumps(dict(images=1, loop=1, step=1, peak_mb=1, flops=dict(float32=1), traffic=1))
        return measure.Run(1, 1, 1, words)

    monkeypatch.setattr(measure, 'run', run)
    leaf = train.CONFIGS / 'classify/dogs/resnet50_full.py'
    case = train.Case('x', leaf, 4, 1, 1, ('a=1',))
    list(train.compare(case, Path('work'), 1, None, {}))
    list(train.compare(case, Path('work'), 1, leaf, {}))
    assert [(job['stock'], job['options']) for job in jobs] == [
        (True, ['a=1']), (False, ['a=1'])] * 2 + [(False, []), (False, ['a=1'])] * 2
    list(train.compare(case, Path('work'), 1, leaf, {}, Path('found')))
    assert [job['profile'] for job in jobs[-2:]] == ['found/resnet50_full-other', 'found/resnet50_full-ours']


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    work = tmp_path_factory.mktemp('bench-train')
    train_sides.draw(work, 160, 96)
    return work


@pytest.mark.mm
@pytest.mark.parametrize('leaf', ['detect/faster-rcnn_r101_fpn', 'detect/faster-rcnn_r50_fpn',
                                  'detect/faster-rcnn_r101_fpn_per-class', 'classify/resnet50-448px',
                                  'classify/resnet50', 'classify/resnext101-32x8d', 'synth/biggan-deep_256px'])
def test_both_sides_have_the_same_batch_size_classes_and_random_weights(leaf, drawn):
    path = train.CONFIGS / f'{leaf}.py'
    own, other = (make(path, drawn, 6) for make in (train_sides.ours, train_sides.stock))
    for cfg in (own, other):
        assert "'Pretrained'" not in cfg.pretty_text and cfg.get('load_from') is None
        assert cfg.train_dataloader.batch_size == 6
        assert cfg.train_dataloader.sampler.type == 'InfiniteSampler'
        assert 'http' not in str(cfg.model)
    if leaf.startswith('detect'):
        classes = 8 if leaf.endswith('per-class') else 1
        assert own.model.roi_head.bbox_head.num_classes == other.model.roi_head.bbox_head.num_classes == classes
        scales = [next(step.scale for step in cfg[part].dataset.pipeline if 'scale' in step) for cfg in (own, other)
                  for part in ('train_dataloader', 'val_dataloader', 'test_dataloader')]
        assert set(scales) == {(1333, 800)}
        assert own.model.backbone.depth == other.model.backbone.depth
    elif leaf.startswith('classify'):
        assert own.model.head.num_classes == other.model.head.num_classes == 8
        datasets = [cfg[part].dataset for cfg in (own, other) for part in ('train_dataloader', 'test_dataloader')]
        assert len({train_sides.side(dataset.get('real', dataset).pipeline) for dataset in datasets}) == 1
    else:
        assert other.model.generator == own.model.generator
        assert 'augment' not in other.model.discriminator and other.model.discriminator_steps == 2
        assert other.optim_wrapper.discriminator.accumulative_counts == 4
        assert other.optim_wrapper.generator.optimizer.type == 'Adam'


@pytest.mark.mm
@pytest.mark.parametrize(('stage', 'batch'), [('detect', 1), ('synth', 2)])
def test_a_training_step_is_the_same_work_on_both_sides(stage, batch, drawn, tmp_path):
    case = SMALL[stage]
    found = [measure.run('tools.bench.train_child', 'train', json.dumps(dict(
        leaf=str(case.leaf), stock=stock, work=str(drawn), options=case.options, batch=batch, warm_up=1, iterations=1,
        profile=str(tmp_path / str(stock)))), environment=dict(OMP_NUM_THREADS='1'), cpus=2).said
        for stock in (True, False)]
    flops = [sum(said['flops'].values()) for said in found]
    assert flops[0] == pytest.approx(flops[1], rel=0.01)
    assert list(found[0]['flops']) == ['float32']  # the libraries' own
    assert all(said['images'] == batch and said['loop'] > 0 and said['step'] > 0 for said in found)
    assert all(200 < said['peak_mb'] < 8000 and said['traffic'] > 1e6 for said in found)
    assert all('aten::' in (tmp_path / f'{stock}-train.txt').read_text() for stock in (True, False))


@pytest.mark.mm
def test_the_command_ends_with_a_table(tmp_path, capsys, monkeypatch):
    """ResNet-50 at 64 px: the forward FLOPs of both sides are those that torch counts in torchvision's network."""
    from torchvision.models import resnet50

    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    assert train.main(['--quick', '--size', 'small', '--only', 'classify', '--work', str(tmp_path)]) == 0
    words = capsys.readouterr().out
    table = words[words.index('| what |'):].splitlines()
    cells = [line.strip('| ').split(' | ') for line in table[2:6]]
    assert [row[0] for row in cells] == [f'ResNet-50, 64 px, {phase}, {figure}' for phase in ('training', 'inference')
                                         for figure in ('with its loader', 'step alone')]
    for row in cells:
        other, own, ratio = (float(row[number].split('x')[0].replace(',', '')) for number in (2, 3, 4))
        assert own / other == pytest.approx(ratio, rel=0.1)
    network = resnet50(num_classes=8).eval()
    flops = _work(partial(network, torch.ones(1, 3, 64, 64))).flops['float32']
    counted = re.search(r'inference, batch 16: (.*) float32 GFLOP .* / (.*) (float32|bfloat16) GFLOP', words)
    assert counted[1] == counted[2] == f'{flops / 1e9:.3g}'
    assert '--quick: these are no results' in words and not [*tmp_path.iterdir()]
    if not torch.cuda.is_available():
        assert 'Not measured: everything on a GPU; Faster R-CNN R-101-FPN, 1333x800' in words


def test_a_leaf_outside_the_tree_is_refused(tmp_path):
    (tmp_path / 'a.py').write_text('')
    with pytest.raises(InputError, match='a config below mm_configs/'):
        train_sides.stage_of(tmp_path / 'a.py')
