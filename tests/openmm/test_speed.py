"""Every option of ``speed``: that it is on, and what it changes of a few real training steps (docs/speed.md)."""
from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch import Tensor, nn

from pipelines.core import coco, shards
from pipelines.crop import crop, parse_boxes
from pipelines.openmm.engine import config, speed, training

CONFIGS = Path(__file__).resolve().parents[2] / 'mm_configs'
LAST = torch.channels_last


def needs_gpu(test: Callable) -> Callable:
    return pytest.mark.gpu(pytest.mark.mm(pytest.mark.skipif(
        not torch.cuda.is_available(), reason='needs a CUDA GPU')(test)))


SGD = [f'optim_wrapper.optimizer.{value}' for value in ('type=SGD', 'lr=0.01', 'momentum=0.9')]
PLAIN = 'speed.channels_last=False'
# Where the config lies, its data below the work folder, what makes it small, its steps, and a convolution to look at.
# A detector samples proposals by their order: after one step the last bit of a score decides what the next is about.
STAGES = dict(
    classify=('classify/resnet18_64px.py', '', ['train_dataloader.batch_size=8', PLAIN, *SGD], 4,
              'backbone.layer1.0.conv1'),
    detect=('detect/faster-rcnn_r18_fpn.py', 'convert', [PLAIN, *SGD], 1, 'backbone.layer1.0.conv1'),
    synth=('synth/biggan-deep_64px.py', 'crop', [
        PLAIN, 'train_dataloader.batch_size=4', 'model.generator.arch_cfg.in_channels=[64,64,32,16]',
        'model.generator.arch_cfg.out_channels=[64,32,16,8]', 'model.discriminator.base_channels=4'], 4,
        'generator.conv_blocks.1.conv2.conv'))


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory) -> Path:
    """A WORK/<dataset> folder: 3 classes with 7 train, 1 val and 4 test images each, cropped to 64 px."""
    folder = tmp_path_factory.mktemp('speed')
    (folder / 'convert').symlink_to(toy_dogs_coco)
    crop(toy_dogs_coco, folder / 'crop', by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    return folder


class Watch(Hook):
    """Note what the training starts from, and what one of its convolutions gives."""
    priority = 'LOWEST'

    def __init__(self, convolution: str) -> None:
        self.convolution = convolution

    def before_train(self, runner) -> None:
        self.start = copy.deepcopy(dict(runner.model.named_parameters()))
        runner.model.get_submodule(self.convolution).register_forward_hook(self.note)

    def note(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        self.weight, self.output = module.weight, output.detach()


@dataclass
class Trained:
    """After a few steps: every loss of every step, the state, what was moved how far, and what `Watch` saw."""
    losses: list[float]
    state: dict[str, Tensor]
    moved: Tensor
    watch: Watch
    runner: object


@pytest.fixture(scope='module')
def trained(work, tmp_path_factory) -> Callable[..., Trained]:
    done = {}

    def train(stage: str, *options: str) -> Trained:
        if (stage, options) in done:
            return done[stage, options]
        leaf, data, small, steps, convolution = STAGES[stage]
        folder = tmp_path_factory.mktemp(stage)
        cfg = config.load(CONFIGS / leaf, data_root=work / data, num_classes=3, options=[*small, *options])
        cfg.default_hooks.update(logger=dict(type='LoggerHook', interval=1), checkpoint=None)
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps)
        cfg.param_scheduler = cfg.auto_scale_lr = None
        for part in ('val', 'test'):
            cfg[f'{part}_cfg'] = cfg[f'{part}_dataloader'] = cfg[f'{part}_evaluator'] = None
        cfg.custom_hooks = [hook for hook in cfg.get('custom_hooks', []) if hook.type != 'SampleGridHook']
        training.prepare(cfg, folder, seed=0)
        cfg.resume, cfg.experiment_name, watch = False, folder.name, Watch(convolution)
        with training.quiet():
            runner = training.build_runner(cfg)
            watch.wrapped = runner.model.get_submodule(convolution).weight.is_contiguous(memory_format=LAST)
            runner.register_hook(watch)
            runner.train()
        rows = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
        assert [row['step'] for row in rows] == list(range(1, steps + 1))
        moved = torch.cat([(value.detach() - watch.start[name]).flatten()
                           for name, value in runner.model.named_parameters()])
        done[stage, options] = Trained([row[name] for row in rows for name in sorted(row) if 'loss' in name],
                                       runner.model.state_dict(), moved, watch, runner)
        return done[stage, options]

    return train


def compare(found: Trained, plain: Trained) -> tuple[float, float]:
    """The largest difference of a loss relative to 1 or the loss, and of all weights relative to how far they moved."""
    assert list(found.state) == list(plain.state)
    assert all(torch.equal(value, found.watch.start[name]) for name, value in plain.watch.start.items())
    losses = max(abs(a - b) / max(1, abs(b)) for a, b in zip(found.losses, plain.losses, strict=True))
    assert plain.moved.norm() > 0
    return losses, float((found.moved - plain.moved).norm() / plain.moved.norm())


def fused(stage: str) -> list[str]:
    parts = ['generator.optimizer', 'discriminator.optimizer'] if stage == 'synth' else ['optimizer']
    return [f'optim_wrapper.{part}.fused=True' for part in parts]


def optimizers(runner) -> list[torch.optim.Optimizer]:
    wrapper = runner.optim_wrapper
    return [part.optimizer for part in (wrapper.values() if hasattr(wrapper, 'values') else [wrapper])]


# By option and stage: how far losses, and the weights' way, may be off: at least 2.5 times what was measured with one
# thread and with two. The GAN's Adam divides by the gradient, so that its rounding shows at full size.
TOLERANCES = dict(
    channels_last=dict(classify=(1e-5, 1e-5), detect=(4e-4, 1e-2), synth=(2e-4, 4e-3)),
    fused=dict(classify=(1e-5, 1e-5), detect=(1e-5, 1e-5), synth=(1e-5, 2e-3)),
    bfloat16=dict.fromkeys(STAGES, (5e-2, 0.15)),
    full=dict.fromkeys(STAGES, (5e-2, 0.15)))


def options(name: str, stage: str) -> list[str]:
    return dict(channels_last=['speed.channels_last=True'], fused=fused(stage), bfloat16=['speed.dtype=bfloat16'],
                full=['speed.dtype=bfloat16', 'speed.channels_last=True', *fused(stage)])[name]


@pytest.mark.mm
@pytest.mark.parametrize('stage', STAGES)
@pytest.mark.parametrize('name', ['channels_last', 'fused', 'bfloat16', 'full'])
def test_an_option_is_on_and_changes_the_training_by_its_tolerance(name, stage, trained):
    check_option(name, stage, trained, TOLERANCES[name][stage])


@needs_gpu
@pytest.mark.parametrize('stage', STAGES)
@pytest.mark.parametrize('name', ['channels_last', 'fused', 'bfloat16', 'full'])
def test_an_option_is_on_and_changes_the_training_on_a_gpu_no_more_than_bfloat16(name, stage, trained):
    """TF32, a GPU's default in convolutions, has 10 bits for bfloat16's 7."""
    check_option(name, stage, trained, TOLERANCES['bfloat16'][stage])


@needs_gpu
@pytest.mark.skipif(not shutil.which('gcc'), reason='Triton needs a compiler')
def test_cuda_graphs_are_captured_and_train_as_without(trained):
    from torch._dynamo.utils import counters
    torch._dynamo.reset()
    counters.clear()
    found = trained('classify', 'speed.compile=backbone', 'speed.compile_mode=reduce-overhead')
    losses, moved = compare(found, trained('classify'))
    assert losses <= TOLERANCES['bfloat16']['classify'][0] and moved <= TOLERANCES['bfloat16']['classify'][1]
    assert counters['inductor']['cudagraph_skips'] == 0
    assert torch._inductor.cudagraph_trees.get_manager(torch.cuda.current_device(), create_if_none_exists=False)


@needs_gpu
@pytest.mark.parametrize('workers', [0, 2])
def test_batches_come_in_pinned_memory_and_hold_the_same(workers, work):
    from mmengine.runner import Runner
    cfg = config.load(CONFIGS / STAGES['classify'][0], data_root=work, num_classes=3)
    batches = []
    for pinned in (True, False):
        loader = speed.loader(dict(cfg.test_dataloader, num_workers=workers, pin_memory=pinned))
        batches.append(next(iter(Runner.build_dataloader(loader, seed=0)))['inputs'])
        assert {image.is_pinned() for image in batches[-1]} == {pinned}
    assert all(torch.equal(*pair) for pair in zip(*batches, strict=True))


def check_option(name: str, stage: str, trained: Callable[..., Trained], tolerance: tuple[float, float]) -> None:
    plain, found = trained(stage), trained(stage, *options(name, stage))
    losses, moved = compare(found, plain)
    assert losses <= tolerance[0] and moved <= tolerance[1]
    lower, last, one_kernel = (name in (option, 'full') for option in ('bfloat16', 'channels_last', 'fused'))
    for run, on in ((plain, False), (found, True)):
        assert run.watch.output.dtype == (torch.bfloat16 if lower and on else torch.float32)
        assert run.watch.wrapped == (last and on)  # before DDP, or its buckets have other strides
        for tensor in (run.watch.output, run.watch.weight):
            assert tensor.is_contiguous(memory_format=LAST) == (last and on)
        assert all(bool(optimizer.defaults['fused']) == (one_kernel and on) for optimizer in optimizers(run.runner))
        assert {value.dtype for value in run.state.values()} <= {torch.float32, torch.int64}
        moments = [value for optimizer in optimizers(run.runner) for slot in optimizer.state.values()
                   for value in slot.values() if isinstance(value, Tensor)]
        assert moments and {value.dtype for value in moments} == {torch.float32}
    assert found.losses != plain.losses or name not in ('bfloat16', 'full')


@pytest.mark.mm
@pytest.mark.parametrize(('stage', 'shapes'), [('classify', 2), ('detect', 1)])  # the last batch of an epoch is smaller
def test_a_compiled_backbone_trains_as_it_did(stage, shapes, trained, monkeypatch):
    """Capture, its guards and the joint backward graph; the code for them is `test_speed_applied`'s."""
    graphs = []

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable:
        graphs.append(graph)
        return torch._dynamo.lookup_backend('aot_eager')(graph, inputs)

    real = nn.Module.compile
    monkeypatch.setattr(nn.Module, 'compile', lambda self, mode: real(self, backend=count))
    monkeypatch.setattr(speed, '_check_compiler', lambda mode: None)  # this backend needs none
    found = trained(stage, 'speed.compile=backbone')
    losses, moved = compare(found, trained(stage))
    assert len(graphs) == shapes  # all of the backbone in one each
    assert losses <= 1e-6 and moved <= 1e-6
    assert found.runner.model.backbone._compiled_call_impl is not None


# --- prediction ---

@pytest.mark.mm
@pytest.mark.parametrize(('name', 'tolerance'), [('channels_last', 1e-5), ('bfloat16', 0.02)])
def test_a_classifier_predicts_as_its_config_says(name, tolerance, work, trained):
    from pipelines.openmm.classify import classification
    state = dict(trained('classify').state)
    state['head.fc.weight'] = 30 * state['head.fc.weight']  # scores of a classifier that has learnt

    def scores(*asked: str) -> np.ndarray:
        cfg = config.load(CONFIGS / STAGES['classify'][0], data_root=work, num_classes=3, options=[PLAIN, *asked])
        return classification.predict(cfg, state, work / 'crop' / Path(cfg.test_dataloader.dataset.ann_file).name)

    plain, found = scores(), scores(*options(name, 'classify'))
    assert plain.shape == (12, 3) and np.ptp(plain) > 0.05
    assert not np.array_equal(plain, found) or name == 'channels_last'
    np.testing.assert_allclose(found, plain, atol=tolerance)
    assert found.dtype == np.float32 and np.allclose(found.sum(axis=1), 1, atol=1e-5)  # bfloat16's would be 1e-3 off


@pytest.mark.mm
@pytest.mark.parametrize(('name', 'tolerance'), [('channels_last', 1e-4), ('bfloat16', 0.02)])
def test_a_detector_predicts_as_its_config_says(name, tolerance, work, trained, tmp_path):
    from pipelines.openmm.detect import detection
    torch.save(trained('detect').state, tmp_path / 'model.pth')
    truth = coco.read(work / 'convert/test.json')
    pictures = [('test', image_id) for image_id in sorted(truth.images)][:4]
    best = []
    for asked in ([], options(name, 'detect')):
        detector = (CONFIGS / STAGES['detect'][0], work / 'convert', 3,
                    ('model.test_cfg.rcnn.score_thr=0.0', PLAIN, *asked), tmp_path / 'model.pth')
        rows = detection.predict(pictures, *detector)
        network = detection._detector(*detector)[1]
        best.append([max(row['score'] for row in rows if row['image_id'] == image_id) for _, image_id in pictures])
    detection.release()
    np.testing.assert_allclose(best[1], best[0], atol=tolerance)
    assert network.backbone.layer1[0].conv1.weight.is_contiguous(memory_format=LAST) == (name == 'channels_last')
    assert ('forward' in vars(network.roi_head.bbox_head)) == (name == 'bfloat16')


@pytest.mark.mm
def test_evaluation_computes_as_its_config_says(work, trained, tmp_path, monkeypatch):
    """mmengine's own loops evaluate in float32, or float16 on a GPU."""
    from pipelines.openmm.engine import evaluation
    runners = []
    real = training.build_runner
    monkeypatch.setattr(training, 'build_runner', lambda cfg: runners.append(real(cfg)) or runners[-1])
    torch.save(trained('classify').state, tmp_path / 'model.pth')
    path = CONFIGS / STAGES['classify'][0]
    cfg = config.load(path, data_root=work, num_classes=3, options=options('full', 'classify'))
    evaluation.choose(cfg, 'test', path)
    found = []
    monkeypatch.setattr(nn.Conv2d, 'forward', lambda self, images, forward=nn.Conv2d.forward:
                        found.append(forward(self, images)) or found[-1])
    images, metrics = evaluation.evaluate(cfg, tmp_path / 'model.pth', tmp_path / 'out')
    assert images == 12 and 0 <= metrics['accuracy/top1'] <= 100
    assert len(found) == 20 and {output.dtype for output in found} == {torch.bfloat16}  # ResNet-18, one batch
    assert found[1].is_contiguous(memory_format=LAST)
    assert runners[-1].model.backbone.layer1[0].conv1.weight.is_contiguous(memory_format=LAST)
