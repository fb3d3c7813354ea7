from pathlib import Path

import pytest
import torch
from torch.overrides import TorchFunctionMode

from pipelines.core.errors import InputError
from pipelines.core.rows import Images
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import config_files, speed
from pipelines.openmm.synth import recipes

ROOT = Path(__file__).resolve().parents[2]
LEAVES = sorted((ROOT / 'mm_configs').glob('[!_]*/*.py'))


def test_num_classes_comes_from_the_data():
    cfg = mm.load(ROOT / 'mm_configs/classify/mobilenet-v2.py', data_root=Path('x'), num_classes=4)
    assert cfg.model.head.num_classes == 4
    assert cfg.train_dataloader.dataset.ann_file == 'crop/full_train.json'
    assert cfg.test_dataloader.dataset.data_root == 'x'


def test_what_a_row_sees_comes_from_the_row(monkeypatch):
    path = ROOT / 'mm_configs/classify/mobilenet-v2.py'
    monkeypatch.setenv('FGIC_IMAGES', 'box')  # a user's, for the libraries' own tools
    cfg = mm.load(path, data_root=Path('x'), num_classes=4, images=Images.parse('square-m30+gan-x50'))
    assert [cfg[f'{split}_dataloader'].dataset.ann_file for split in ('val', 'test')] == [
        'crop/square-m30_val.json', 'crop/square-m30_test.json']
    real, synthetic = cfg.train_dataloader.dataset.real, cfg.train_dataloader.dataset.synthetic
    assert cfg.train_dataloader.sampler == dict(type='PooledSampler', sampler=dict(type='DefaultSampler', shuffle=True))
    assert real.ann_file == 'crop/square-m30_train.json' and cfg.train_dataloader.dataset.ratio == 0.5
    assert synthetic == {**real, 'ann_file': 'synth/gan/train.json', 'data_prefix': 'synth/gan'}

    replaced = mm.load(path, data_root=Path('x'), num_classes=4, images=Images.parse('square+gan-p30')).train_dataloader
    assert (replaced.dataset.softened, replaced.dataset.get('ratio')) == (0.8, None)
    assert replaced.sampler == dict(type='ReplacingSampler', p=0.3, sampler=dict(type='DefaultSampler', shuffle=True))

    wrapped = mm.load(path, data_root=Path('x'), num_classes=4, images=Images.parse('square+gan'), options=[
        'train_dataloader.dataset.indices=8', 'train_dataloader.dataset.ratio=2.0'])  # as for a row without +gan
    assert wrapped.train_dataloader.dataset.real.indices == 8
    assert wrapped.train_dataloader.dataset.ratio == 1


def test_a_config_with_another_number_of_classes_is_refused(tmp_path):
    path = tmp_path / 'leaf.py'
    path.write_text(f"_base_ = '{ROOT}/mm_configs/classify/mobilenet-v2.py'\n"
                    'model = dict(head=dict(num_classes=120))\n')
    with pytest.raises(InputError, match=r'leaf\.py:2, model\.head\.num_classes: expected 4.*found 120'):
        mm.load(path, data_root=Path('x'), num_classes=4)


@pytest.mark.parametrize(('line', 'words'), [
    ("default_scope = 'mmseg'", r"leaf\.py:2, default_scope: expected mmdet or mmpretrain or mmagic, found mmseg"),
    ("custom_imports = dict(imports=['no_such_module'], allow_failed_imports=False)",
     'expected an mm config, found Import')])
def test_what_cannot_be_imported_is_said(line, words, tmp_path):
    path = tmp_path / 'leaf.py'
    path.write_text(f"_base_ = '{ROOT}/mm_configs/classify/resnet18_64px.py'\n{line}\n")
    with pytest.raises(InputError, match=words):
        mm.load(path, data_root=Path('x'), num_classes=4)


def test_digest_sees_keys_not_comments(tmp_path):
    base, leaf = tmp_path / 'base.py', tmp_path / 'leaf.py'
    base.write_text('lr = 1\n')
    leaf.write_text("_base_ = './base.py'\nepochs = 2\n")
    before = config_files.digest(leaf)
    leaf.write_text("'''Words.'''\n_base_ = './base.py'\nepochs = 2  # more words\n")
    assert config_files.digest(leaf) == before
    leaf.write_text("_base_ = './base.py'\nepochs = 2\ncompared_with = 'other'\n")
    assert config_files.digest(leaf) == before and config_files.compared_with(leaf) == 'other'
    base.write_text('lr = 2\n')
    assert config_files.digest(leaf) != before
    assert config_files.digest(leaf, ['a=1']) != config_files.digest(leaf)

    before = config_files.digest(leaf, unread=['sampling'])
    leaf.write_text(leaf.read_text() + "sampling = dict(dtype='bfloat16')\n")
    assert config_files.digest(leaf, ['sampling.dtype=float32'], unread=['sampling']) == before
    assert len({config_files.digest(leaf), config_files.digest(leaf, ['sampling.dtype=float32']), before}) == 3


def test_a_missing_base_is_named(tmp_path):
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = './nothing.py'\n")
    with pytest.raises(InputError, match='leaf.py: expected the config .*nothing.py, found nothing'):
        config_files.digest(leaf)


class _DepthsOnCpu(TorchFunctionMode):
    """mmpretrain's networks read their drop rates out of a `torch.linspace`, which has no values on the meta device."""

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        device = dict(device='cpu') if function is torch.linspace else {}
        return function(*arguments, **(keywords or {}), **device)


@pytest.mark.mm
@pytest.mark.parametrize('path', LEAVES, ids=lambda path: str(path.relative_to(ROOT / 'mm_configs')))
def test_every_config_builds(path, monkeypatch):
    """Docstring, model, optimiser, pipelines and hooks of every leaf are what the libraries take."""
    from mmengine.optim import OptimWrapperDict, build_optim_wrapper
    from mmengine.registry import HOOKS, MODELS, PARAM_SCHEDULERS, TRANSFORMS

    cfg = mm.load(path, data_root=Path('x'), num_classes=7)
    assert '"""' in path.read_text().splitlines()[0]
    assert len(cfg.filename and path.read_text().splitlines()) <= 22
    if 'model' not in cfg:
        assert not recipes.Recipe(path, Path('x'), ('a', 'b')).generator().recipe.trains
        return
    with torch.device('meta'), _DepthsOnCpu():  # up to 100 million parameters: their shapes only
        model = MODELS.build(cfg.model)
    assert sum(p.numel() for p in model.parameters()) > 1e5
    for name in ('train', 'val', 'test'):
        dataset_cfg = (cfg.get(f'{name}_dataloader') or {}).get('dataset')
        for transform in dataset_cfg['pipeline'] if dataset_cfg else []:
            TRANSFORMS.build(transform)
    for hook in [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]:
        HOOKS.build(hook)
    for part in [cfg.optim_wrapper, *(part for part in cfg.optim_wrapper.values() if isinstance(part, dict))]:
        if 'optimizer' in part:
            part.optimizer.pop('fused', None)  # it refuses the meta device; trained with in test_speed.py
    monkeypatch.setattr(speed, '_check_compiler', lambda mode: None)  # nothing runs
    speed.apply(model, **cfg.speed)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    optimizer = (next(iter(wrapper.values())) if isinstance(wrapper, OptimWrapperDict) else wrapper).optimizer
    assert all(group['lr'] > 0 for group in optimizer.param_groups)
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        scheduler = dict(scheduler)
        convert = scheduler.pop('convert_to_iter_based', False)
        scheduler_class = PARAM_SCHEDULERS.get(scheduler.pop('type'))
        if convert:
            scheduler_class.build_iter_from_epoch(optimizer=optimizer, epoch_length=10, **scheduler)
        else:
            scheduler_class(optimizer=optimizer, **scheduler)


def test_auto_is_what_the_machine_computes_in_and_what_the_config_then_says(tmp_path, monkeypatch):
    path = tmp_path / 'child.py'
    path.write_text(f"_base_ = '{ROOT}/mm_configs/classify/resnet18_64px.py'\nspeed = dict(dtype='auto')\n")
    for cpu_has_it, expected in ((True, 'bfloat16'), (False, 'float32')):
        monkeypatch.setattr(speed, 'device', lambda: 'cpu')
        monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda has=cpu_has_it: has)
        monkeypatch.setattr(torch.cpu, '_is_amx_tile_supported', lambda: False)
        assert mm.load(path, data_root=Path('x'), num_classes=4).speed.dtype == expected
