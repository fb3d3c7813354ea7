"""Every rule of lint_configs: a config that breaks it, and the exact finding; the shipped configs break none."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.core import coco, json_files
from pipelines.core.errors import InputError
from pipelines.openmm.engine import lint, lint_rules
from tools import lint_configs

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'mm_configs'
LEAVES = sorted(CONFIGS.glob('[!_]*/*.py'))
CLASSIFY, DETECT = 'classify/resnet18_64px.py', 'detect/faster-rcnn_r18_fpn.py'
SYNTH = 'synth/biggan-deep_64px.py'
VIT = 'classify/vit-tiny-p16.py'


@pytest.fixture
def child(tmp_path):
    """Write a config with these lines below its base; its second line is the first of them."""
    def write(base: str, lines: str) -> Path:
        path = tmp_path / 'bad.py'
        path.write_text(f"_base_ = '{CONFIGS / base}'\n{lines}\n")
        return path
    return write


def findings(config: Path, data: Path, **setting) -> list[InputError]:
    return lint.findings(config, data_root=data, categories=coco.read(data / 'train.json').categories,
                         work=data.parent, **setting)


def parts(finding: InputError) -> tuple[str, str, str, str]:
    """Where (without the folder), expected, found, remedy."""
    where = re.sub(r'^[^,]*/', '', str(finding.parts['where']))
    return where, *(finding.parts[name] for name in ('expected', 'found', 'remedy'))


@pytest.mark.parametrize(('base', 'lines', 'where', 'expected', 'found', 'remedy'), [
    (CLASSIFY, 'model = dict(backbone=dict(\n    depht=34))',
     'bad.py:3, model.backbone.depht', 'an argument of ResNet', 'depht', 'write depth'),
    (CLASSIFY, "model = dict(head=dict(loss=dict(type='LabelSmoothLoss', smoothing=0.1)))",
     'bad.py:2, model.head.loss.smoothing', 'an argument of LabelSmoothLoss', 'smoothing', 'take it out'),
    (CLASSIFY, '_base_.test_dataloader.dataset.pipeline[1].scael = (32, 32)',
     'bad.py:2, test_dataloader.dataset.pipeline.1.scael', 'an argument of Resize', 'scael', 'write scale'),
    (CLASSIFY, 'train_dataloader = dict(batchsize=8)',
     'bad.py:2, train_dataloader.batchsize', 'an argument of train_dataloader', 'batchsize', 'write batch_size'),
    (CLASSIFY, 'default_hooks = dict(logger=dict(intervall=5))',
     'bad.py:2, default_hooks.logger.intervall', 'an argument of LoggerHook', 'intervall', 'write interval'),
    (CLASSIFY, 'optim_wrapper = dict(optimizer=dict(momentum=0.9))',
     'bad.py:2, optim_wrapper.optimizer.momentum', 'an argument of AdamW', 'momentum', 'take it out'),
    (DETECT, 'model = dict(rpn_head=dict(loss_bbox=dict(loss_wieght=2.0)))',
     'bad.py:2, model.rpn_head.loss_bbox.loss_wieght', 'an argument of L1Loss', 'loss_wieght', 'write loss_weight'),
    (SYNTH, 'model = dict(generator=dict(noisesize=32))',
     'bad.py:2, model.generator.noisesize', 'an argument of BigGANDeepGenerator', 'noisesize', 'write noise_size'),
    (CLASSIFY, "model = dict(backbone=dict(type='ResNett'))",
     'bad.py:2, model.backbone.type', 'a name registered in mmpretrain', 'ResNett',
     'correct it, or import the module that has it'),
    (CLASSIFY, 'train_cgf = dict(max_epochs=3)',
     'bad.py:2, train_cgf', "a key of mmengine's Runner, or a variable that another line reads", 'train_cgf',
     'write train_cfg'),
    (CLASSIFY, "train_pipeline = [\n    dict(type='LoadImageFromFile'), dict(type='PackInputs')]",
     'bad.py:2, train_pipeline', "a key of mmengine's Runner, or a variable that another line reads", 'train_pipeline',
     'its base has read its own before: set the key that the base set with it'),
    (CLASSIFY, "sampling = dict(dtype='float32')", 'bad.py:2, sampling',
     "a key of mmengine's Runner, or a variable that another line reads", 'sampling', 'take it out'),
    (CLASSIFY, "train_cfg = dict(max_epochs=12)", 'bad.py', 'a change of mm_configs/classify/resnet18_64px.py',
     'none: what is built is the same',
     'set a key that is read, as train_dataloader.dataset.pipeline; or name the parent'),
    (DETECT, "model = dict(test_cfg=dict(rcnn=dict(score_threshold=0.1)))",
     'bad.py:2, model.test_cfg.rcnn.score_threshold', 'a key that the parent has in model.test_cfg.rcnn',
     'score_threshold',
     'write score_thr; if it is meant, write model.test_cfg.rcnn anew, with _delete_=True'),
    (CLASSIFY, "data_preprocessor = dict(mean=[0.] * 3, std=[255.] * 3, to_rgb=True)", 'bad.py:2, data_preprocessor',
     'one of data_preprocessor and model.data_preprocessor, which mmengine follows', 'both',
     'write model = dict(data_preprocessor=...)'),
    (CLASSIFY, "work_dir = 'mine'", 'bad.py:2, work_dir', 'nothing: the stage decides', 'mine',
     'say --out, or WORK of make'),
    (CLASSIFY, "train_cfg = dict(max_epochs=3)\nrandomness = dict(\n    seed=7, deterministic=True)",
     'bad.py:4, randomness.seed', 'nothing: the stage decides', '7', 'say SEEDS (--seeds, --seed)'),
    (CLASSIFY, "resume = False", 'bad.py:2, resume', 'nothing: the stage decides', 'False',
     'an interrupted training always goes on; remove its folder to start anew'),
    (CLASSIFY, "train_dataloader = dict(dataset=dict(data_root='/other/dogs'))",
     'bad.py:2, train_dataloader.dataset.data_root', None, '/other/dogs',
     'take the line out: the WORK that make was asked for is read'),
    (CLASSIFY, "test_dataloader = dict(dataset=dict(ann_file='crop/square_train.json'))",
     'bad.py:2, test_dataloader.dataset.ann_file', 'a list of test', 'crop/square_train.json, of train',
     'name a list of test there: its figures are of images never trained on'),
    (CLASSIFY, "val_dataloader = dict(dataset=dict(ann_file='crop/square_train.json'))",
     'bad.py:2, val_dataloader.dataset.ann_file', 'a list of val', 'crop/square_train.json, of train',
     'name a list of val there: val chooses the epoch, and test is read once, at the end'),
    (CLASSIFY, "default_hooks = dict(checkpoint=None)",
     'bad.py:2, default_hooks.checkpoint', 'a CheckpointHook', 'None',
     'take the line out: model.pth is made of its checkpoints'),
    (CLASSIFY, "default_hooks = dict(checkpoint=dict(save_bset='auto'))",
     'bad.py:2, default_hooks.checkpoint.save_bset',
     'an argument of SafeCheckpointHook', 'save_bset', 'write save_best'),
    (CLASSIFY, "default_hooks = dict(checkpoint=dict(out_dir='/elsewhere'))",
     'bad.py:2, default_hooks.checkpoint.out_dir', 'nothing', '/elsewhere',
     'take it out: checkpoints are in logs/ beside model.pth'),
    (CLASSIFY, "default_hooks = dict(checkpoint=dict(save_optimizer=False))",
     'bad.py:2, default_hooks.checkpoint.save_optimizer', 'True', 'False',
     'take it out: an interrupted training goes on with its optimiser'),
    (CLASSIFY, "default_hooks = dict(checkpoint=dict(by_epoch=False))",
     'bad.py:2, default_hooks.checkpoint.by_epoch', 'True, as train_cfg counts', 'False',
     'write default_hooks = dict(checkpoint=dict(by_epoch=True))'),
    (SYNTH, "default_hooks = dict(checkpoint=dict(save_best='PSNR', rule='greater'))",
     'bad.py:2, default_hooks.checkpoint.save_best', 'a validation to choose by', 'no val_dataloader',
     'take it out, or add val_dataloader, val_evaluator and val_cfg'),
    (CLASSIFY, "default_hooks = dict(checkpoint=dict(save_best='quality', rule=None))",
     'bad.py:2, default_hooks.checkpoint.rule', 'greater or less, for quality', 'None',
     'Cannot infer the rule for key quality, thus a specific rule must be specified.'),
    (CLASSIFY, "custom_hooks = [dict(type='CheckpointHook', interval=5)]", 'bad.py:2, custom_hooks.0',
     'one hook of checkpoints', 'CheckpointHook', 'set default_hooks.checkpoint; save_best takes several metrics'),
    (CLASSIFY, "custom_hooks = [dict(type='EMAHook', momentum=1e-4, evaluate_on_ema=False, evaluate_on_origin=True)]",
     'bad.py:2, custom_hooks.0.evaluate_on_ema', 'True', 'False',
     'take it out: model.pth holds the averaged weights, so val has to judge them'),
    (CLASSIFY, "test_cfg = dict(fp16=True)", 'bad.py:2, test_cfg.fp16', 'the precision that speed says', 'fp16=True',
     "write speed = dict(dtype='bfloat16'), which holds wherever it computes"),
    (CLASSIFY, "val_dataloader = dict(num_batch_per_epoch=2)", 'bad.py:2, val_dataloader.num_batch_per_epoch',
     'every image of val', '2 batches', 'take it out'),
    (CLASSIFY, 'model = dict(head=dict(num_classes=6))',
     'bad.py:2, model.head.num_classes', '3, the number of classes in the data', '6',
     'take the line out of the config: the number comes from the data'),
    (DETECT, "train_dataloader = dict(dataset=dict(metainfo=dict(classes=('cat',))))",
     'bad.py:2, train_dataloader.dataset.metainfo.classes', 'the names in the data: dog', 'cat',
     'take the line out: names come from the data'),
    (CLASSIFY, "train_dataloader = dict(dataset=dict(ann_file='crop/full_test.json'))",
     'bad.py:2, train_dataloader.dataset.ann_file', 'a list of train', 'crop/full_test.json, of test',
     'name a list of train there: nothing of it may be trained on'),
    (DETECT, "val_dataloader = dict(dataset=dict(ann_file='test.json'))",
     'bad.py:2, val_dataloader.dataset.ann_file', 'a list of val', 'test.json, of test',
     'name a list of val there: val chooses the epoch, and test is read once, at the end'),
    (CLASSIFY, "_base_.val_dataloader.dataset.pipeline[1:1] = [\n    dict(type='RandomFlip', prob=0.5)]",
     'bad.py:3, val_dataloader.dataset.pipeline.1.type', 'the same val image each time', 'RandomFlip',
     'take that transform out of this pipeline'),
    (CLASSIFY, "_base_.test_dataloader.dataset.pipeline[1:1] = [\n    dict(type='torchvision/RandomErasing')]",
     'bad.py:3, test_dataloader.dataset.pipeline.1.type', 'the same test image each time', 'RandomErasing',
     'take that transform out of this pipeline'),
    (CLASSIFY, "_base_.train_dataloader.dataset.pipeline[1:1] = [\n    dict(type='torchvision/ColorJitter', hew=0.1)]",
     'bad.py:3, train_dataloader.dataset.pipeline.1.hew', 'an argument of ColorJitter', 'hew', 'write hue'),
    (CLASSIFY, "_base_.train_dataloader.dataset.pipeline[0].backend_args = dict(backend='lmdb', db_path='all.lmdb')",
     'bad.py:2, train_dataloader.dataset.pipeline.0.backend_args', 'the files that the lists name, whose SHA-256 they '
     'hold', 'backend lmdb', 'take it out: put the images where WORK is'),
    (CLASSIFY, 'train_cfg = dict(max_epochs=0)',
     'bad.py:2, train_cfg.max_epochs', 'at least 1', '0', 'train for one at least'),
    (DETECT, "speed = dict(dtype='float16')",
     'bad.py:2, speed.dtype', 'auto, float32 or bfloat16', 'float16',
     'take bfloat16; float16 would need a scaled loss'),
    (CLASSIFY, "speed = dict(compile_mode='reduce-overhead')",
     'bad.py:2, speed.compile_mode', 'parts to compile in speed.compile', 'none',
     "name some, as compile=['backbone'], or take compile_mode out"),
    (SYNTH, "sampling = dict(dtype='float16')",
     'bad.py:2, sampling', 'dtype as one of float32, bfloat16', 'float16',
     'write one of these (docs/distributed.md)'),
    (CLASSIFY, "model = dict(backbone=dict(\n    init_cfg=dict(type='Pretrained', checkpoint='torchvision://x')))",
     'bad.py:3, model.backbone.init_cfg.checkpoint', 'weights://NAME, whose checksum is known', 'torchvision://x',
     'add the file to the table, pipelines/openmm/weights/table.py'),
    (CLASSIFY, "model = dict(type='AdversarialClassifier', attack=dict(stpes=3))",
     'bad.py:2, model.attack.stpes', 'an argument of model.attack', 'stpes', 'write steps'),
    (CLASSIFY, "model = dict(type='AdversarialClassifier', attack=dict(eps=8))",
     'bad.py:2, model.attack', 'at least 0, as 8/255 (Linf: at most 1)', '8', 'correct it'),
    (CLASSIFY, "model = dict(type='AdversarialClassifier', attack=dict(p=2))",
     'bad.py:2, model.attack', 'a share from 0 to 1', '2', 'correct it'),
    (CLASSIFY, "param_scheduler = dict(_delete_=True, type='ReduceOnPlateauLR')",
     'bad.py:2, param_scheduler.monitor', 'what is measured on val: accuracy/...', 'loss',
     "write monitor='accuracy/top1', rule='greater'"),
    (CLASSIFY, "param_scheduler = dict(_delete_=True, type='ReduceOnPlateauLR', monitor='accuracy/top1')",
     'bad.py:2, param_scheduler.rule', 'greater, as more of it is better', 'less', "write rule='greater'"),
    (VIT, "optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))",
     'bad.py:2, optim_wrapper.paramwise_cfg.layer_decay_rate',
     'constructor LearningRateDecayOptimWrapperConstructor', 'None',
     "add constructor='LearningRateDecayOptimWrapperConstructor' to optim_wrapper"),
    (VIT, "model = dict(backbone=dict(arch=dict(num_heads=10)))",
     'bad.py:2, model.backbone.arch.num_heads', 'a divisor of embed_dims, 192', '10',
     'each head takes as many channels as the others: choose another number'),
])
def test_a_fault_is_found_where_it_is(base, lines, where, expected, found, remedy, child, toy_dogs_coco):
    given = findings(child(base, lines), toy_dogs_coco)
    expected = expected or str(toy_dogs_coco)
    assert [parts(finding) for finding in given] == [(where, expected, found, remedy)]


@pytest.mark.parametrize(('heads', 'found'), [(3, '3'), (12, None)])
def test_weights_of_another_number_of_heads_are_refused(heads, found, child, toy_dogs_coco, monkeypatch):
    monkeypatch.setattr(lint_rules, 'RULES', [rule for rule in lint_rules.RULES if rule is not lint_rules.weights])
    config = child('classify/vit-base-p16.py', 'model = dict(backbone=dict(arch=dict(\n    _delete_=True, '
                   f'embed_dims=768, num_layers=12, num_heads={heads}, feedforward_channels=3072)))')
    given = findings(config, toy_dogs_coco)
    assert [parts(finding)[:3] for finding in given] == ([] if found is None else [
        ('bad.py:2, model.backbone.arch', '12 heads, as weights://vit_base_p16_in21k has', found)])


FOUR = '16 = 4 GPUs x 4 images x 1 accumulated'


@pytest.mark.parametrize(('lines', 'gpus', 'found'), [
    ('train_cfg = dict(max_epochs=3)', 4, None),
    ('auto_scale_lr = dict(_delete_=True)', 4, ('detect_toy.py:6', FOUR)),
    ('auto_scale_lr = dict(enable=False, base_batch_size=4)', 4, ('bad.py:2', FOUR)),
    ('auto_scale_lr = dict(enable=False, base_batch_size=16)', 4, None),
    ('auto_scale_lr = dict(enable=True, base_batch_size=8)', 4, None),
    ('auto_scale_lr = dict(enable=True, base_batch_size=4)\noptim_wrapper = dict(accumulative_counts=2)', 1,
     ('bad.py:2', '8 = 1 GPUs x 4 images x 2 accumulated')),
])
def test_the_rate_is_for_the_real_batch(lines, gpus, found, child, toy_dogs_coco):
    given = findings(child(DETECT, lines), toy_dogs_coco, gpus=gpus)
    if found is None:
        assert given == []
        return
    place, says = found
    where, _, batch, _ = parts(given[0])
    assert len(given) == 1 and batch == says and where.startswith(place)


def test_signatures_follow_what_is_handed_on():
    from pipelines.openmm.engine.signatures import parameters

    class Closed:
        def __init__(self, a): ...

    class HandsOn(Closed):
        def __init__(self, b, **rest): super().__init__(**rest)

    class Keeps(Closed):
        def __init__(self, b, **rest): self.rest = rest

    assert parameters(HandsOn) == {'self', 'a', 'b', 'rest'}
    assert parameters(Keeps) is None
    assert parameters(type('Nothing', (), {})) == set()


def test_a_classifier_has_one_gpu_however_many_there_are(toy_dogs_coco):
    assert findings(CONFIGS / CLASSIFY, toy_dogs_coco, gpus=8) == []


def test_an_override_is_named_as_one(toy_dogs_coco):
    [finding] = findings(CONFIGS / CLASSIFY, toy_dogs_coco, options=['train_cfg.max_epoch=1'])
    assert parts(finding) == ('--cfg-options, train_cfg.max_epoch', 'an argument of EpochBasedTrainLoop', 'max_epoch',
                              'write max_epochs')


def test_a_list_of_ones_own_is_judged_by_its_rows(child, toy_dogs_coco, tmp_path):
    from pipelines.core import lineage
    row = dict(img_path='a.jpg', gt_label=0, image_id=1, split='train', box_source='none')
    other = dict(row, img_path='b.jpg', image_id=2, split='test')
    lineage.write_list(tmp_path / 'mine.json', ['a', 'b', 'c'], [row, other])
    assert lint_rules.split_of('mine.json', tmp_path) == 'test'
    assert lint_rules.split_of('nothing.json', tmp_path) is None
    assert lint_rules.split_of('crop/square_val.json', tmp_path) == 'val'


@pytest.mark.parametrize(('content', 'expected', 'found'), [
    (None, 'the file mobilenet_v2_imagenet1k.pth', 'none in '),
    (b'not weights', 'SHA-256 4f4d2f38', '3f0c3b7f')])
def test_missing_and_wrong_weights_name_their_line(content, expected, found, child, toy_dogs_coco, tmp_path,
                                                   monkeypatch):
    monkeypatch.setenv('FGIC_WEIGHTS', str(tmp_path))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    if content:
        (tmp_path / 'mobilenet_v2_imagenet1k.pth').write_bytes(content)
    config = child('classify/mobilenet-v2.py', 'train_cfg = dict(max_epochs=3)')
    [finding] = findings(config, toy_dogs_coco)
    assert parts(finding)[0] == 'mobilenet-v2.py:8, weights://mobilenet_v2_imagenet1k'
    assert finding.parts['expected'].startswith(expected) and finding.parts['found'].startswith(found)
    with pytest.raises(lint.FoundError, match=r'mobilenet-v2\.py:8'):
        lint_configs.record([config], toy_dogs_coco, tmp_path / 'check')


def test_lint_says_all_at_once_and_keeps_what_it_checked(child, toy_dogs_coco, tmp_path, capsys):
    good, out = CONFIGS / CLASSIFY, tmp_path / 'check'
    lint_configs.record([good], toy_dogs_coco, out)
    assert json_files.read(out / 'checked.json') == dict(num_classes=3, configs=['resnet18_64px.py'])
    before = (out / 'manifest.json').read_bytes()
    bad = child(CLASSIFY, "model = dict(backbone=dict(depht=34))\ntrain_dataloader = dict(batchsize=8)")
    arguments = [str(good), str(bad), '--coco', str(toy_dogs_coco), '--out', str(out)]
    assert lint_configs.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split(': expected')[0] for line in lines if line.startswith('error: ')) == [
        f'error: {bad}:2, model.backbone.depht', f'error: {bad}:3, train_dataloader.batchsize']
    assert (out / 'manifest.json').read_bytes() == before
    assert lint_configs.main([str(good), *arguments[2:]]) == 0


@pytest.mark.mm
@pytest.mark.parametrize('path', LEAVES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_the_shipped_configs_are_clean(path, toy_dogs_coco, monkeypatch):
    """All rules but whether the weights, a compiler or a GPU are on this machine: the weights are in the table."""
    from pipelines.openmm.engine import speed
    from pipelines.openmm.weights import loading as weights
    from pipelines.openmm.weights import table as weight_table
    monkeypatch.setattr(speed, '_check_compiler', lambda mode: None)
    assert set(weights.named(path)) <= set(weight_table.TABLE)
    monkeypatch.setattr(lint_rules, 'RULES', [rule for rule in lint_rules.RULES if rule is not lint_rules.weights])
    small = any(word in path.stem for word in ('mobilenet', '64px', 'r18'))
    assert findings(path, toy_dogs_coco, gpus=1 if small else 8) == []


@pytest.mark.parametrize('lines', [
    "train_pipeline = _base_.train_pipeline\ntrain_pipeline[1].update(scale=96)\n"
    "train_dataloader = dict(dataset=dict(pipeline=train_pipeline))",
    "size = 96\nscale = (size, size)\n_base_.val_dataloader.dataset.pipeline[1].scale = scale",
    "visualizer = dict(type='UniversalVisualizer', vis_backends=[dict(type='LocalVisBackend')])",
    "default_hooks = dict(checkpoint=dict(type='CheckpointHook', save_best='auto', max_keep_ckpts=3))",
    "model = dict(_delete_=True, type='ImageClassifier', backbone=_base_.model.backbone, neck=_base_.model.neck,\n"
    "    head=_base_.model.head)\ndata_preprocessor = dict(mean=[0.] * 3, std=[255.] * 3, to_rgb=True)",
    "custom_hooks = [dict(type='EMAHook', momentum=1e-4)]\nlog_level = 'WARNING'\nexperiment_name = 'mine'",
    "_base_.train_dataloader.dataset.pipeline[1:1] = [dict(type='NumpyToPIL'), dict(\n"
    "    type='torchvision/ColorJitter', brightness=0.5), dict(type='PILToNumpy')]",
    "train_dataloader = dict(collate_fn=dict(type='default_collate'))",
    "randomness = dict(deterministic=True)", "env_cfg = dict(cudnn_benchmark=False)",
])
def test_what_a_user_may_say_is_clean(lines, child, toy_dogs_coco):
    assert findings(child(CLASSIFY, lines), toy_dogs_coco) == []


def test_a_variable_that_a_grandchild_reads_lives(tmp_path, toy_dogs_coco):
    (tmp_path / 'middle.py').write_text(f"_base_ = '{CONFIGS / CLASSIFY}'\nepochs = 3\nsteps = 2\n"
                                        "train_cfg = dict(val_interval=1)\n")
    (tmp_path / 'leaf.py').write_text("_base_ = './middle.py'\ntrain_cfg = dict(max_epochs={{_base_.epochs}})\n")
    [finding] = findings(tmp_path / 'leaf.py', toy_dogs_coco)
    assert parts(finding)[0] == 'middle.py:3, steps'


@pytest.mark.parametrize(('option', 'where'), [
    ('train_cgf.max_epochs=3', '--cfg-options, train_cgf'), ('work_dir=mine', '--cfg-options, work_dir'),
    ('train_dataloader.dataset.ratio=2.0', '--cfg-options, train_dataloader.dataset.ratio'),
    ('randomness.seed=7', '--cfg-options, randomness.seed'), ('compared_with=box', '--cfg-options, compared_with')])
def test_options_are_judged_as_lines_are(option, where, toy_dogs_coco):
    [finding] = findings(CONFIGS / CLASSIFY, toy_dogs_coco, options=[option])
    assert finding.parts['where'] == where
