"""What is compared: a config of ours, and what the libraries themselves have for the same network.

Both sides get the same pictures, image size, batch and random weights. Everything else is each side's own: its
pipeline, loader workers, optimiser, hooks, precision. Both use the same operators for what mmcv would compile
(pipelines/openmm/compat/ops.py), without which the libraries do not start.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import lineage
from pipelines.core.errors import InputError
from pipelines.core.rows import FULL, Images, Row
from tools.bench import drawing, measure

if TYPE_CHECKING:
    from mmengine import Config

CLASSES = 8
DATA = dict(detect='convert', synth='crop', classify='')
# By the beginning of a leaf's name. BigGAN-deep's is mmagic's BigGAN schedule: mmagic has none for BigGAN-deep.
STOCK = {
    'faster-rcnn_r101_fpn': 'mmdet::faster_rcnn/faster-rcnn_r101_fpn_1x_coco.py',
    'faster-rcnn_r50_fpn': 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'resnet50-448px': 'mmpretrain::resnet/resnet50_8xb8_cub.py',
    'resnet50': 'mmpretrain::resnet/resnet50_8xb32_in1k.py',
    'resnext101-32x8d': 'mmpretrain::resnext/resnext101-32x8d_8xb32_in1k.py',
    'biggan-deep': 'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py'}


def stage_of(leaf: Path) -> str:
    """detect, synth or classify.

    Raises:
        InputError: not a path below mm_configs/.
    """
    parts = leaf.resolve().parts
    if len(parts) < 3 or parts[-3] != 'mm_configs' or parts[-2] not in DATA or not leaf.is_file():
        raise InputError(leaf, expected='a file mm_configs/<stage>/<recipe>.py', found=str(leaf),
                         remedy='give a config below mm_configs/')
    return parts[-2]


def stock_of(leaf: Path) -> str:
    """The libraries' config for the network of a leaf.

    Raises:
        InputError: none is known here.
    """
    for beginning, name in STOCK.items():
        if leaf.name.startswith(beginning):
            return name
    raise InputError(leaf, expected='a config of ' + ', '.join(STOCK), found='one without a counterpart',
                     remedy='say what to compare with: --against LEAF')


def draw(work: Path, count: int, crop_size: int, *, width: int = 560, height: int = 336,
         classes: int | None = None) -> None:
    """So many drawn pictures in Stanford Dogs' layout, converted and cropped; for mmdet with one class, too.

    The pictures have as many pixels as the usual 500 x 375, in a shape that fills a detector's 1333 x 800. What passes
    for synthetic images are the square crops again, four times.

    Args:
        classes: that the files of convert name, 8 or more, of which the pictures show the first 8; None: those.
    """
    files = drawing.pool(work / 'pool', width=width, height=height)
    drawing.dogs(work / 'raw', files, count)
    measure.run('data_converters.convert', '--dataset', 'dogs', '--raw', work / 'raw', '--out', work / 'convert')
    measure.run('pipelines.crop', '--coco', work / 'convert', '--out', work / 'crop', '--boxes', 'gt',
                '--size', crop_size)
    names, rows = lineage.read_list(work / 'crop' / 'square_train.json')
    (work / 'synth/crops').mkdir(parents=True)
    for number in range(4):
        (work / 'synth/crops' / f'{number}').symlink_to(work / 'crop')
    lineage.write_list(work / 'synth/crops/train.json', names, [
        dict(row, img_path=f'{number}/{row["img_path"]}', box_source='synthetic') for number in range(4)
        for row in rows])
    if classes:
        _name_more(work / 'convert', classes)
    for split in ('train', 'val'):
        coco = json.loads((work / 'convert' / f'{split}.json').read_text())
        coco['categories'] = [dict(id=1, name='dog')]
        for row in coco['annotations']:
            row['category_id'] = 1
        (work / f'one-class-{split}.json').write_text(json.dumps(coco))


def _name_more(convert: Path, classes: int) -> None:
    """Let COCO files name so many classes."""
    for path in (convert / f'{split}.json' for split in ('train', 'val', 'test')):
        coco = json.loads(path.read_text())
        known = coco['categories']
        coco['categories'] = known + [dict(known[0], id=number, name=f'class-{number}')
                                      for number in range(len(known) + 1, classes + 1)]
        path.write_text(json.dumps(coco))


def ours(leaf: Path, work: Path, batch: int | None, options: Sequence[str] = (), *, stage: str | None = None,
         num_classes: int = CLASSES, images: Images = FULL) -> Config:
    """A leaf as it stands, but for the batch and the weights it would start from.

    Args:
        stage: None: that of its folder.
    """
    from pipelines.openmm.engine import config

    cfg = config.load(leaf, data_root=work / DATA[stage or stage_of(leaf)], num_classes=num_classes, images=images,
                      options=options)
    cfg.custom_hooks = [hook for hook in cfg.get('custom_hooks', []) if hook['type'] != 'ImageNetGeneratorHook']
    _start_from_nothing(cfg, leaf, images)
    return _equal(cfg, batch)


def _start_from_nothing(cfg: Config, leaf: Path, images: Images) -> None:
    """Random weights in place of the rows that a recipe starts from; a teacher costs time, pruning saves it."""
    from pipelines.openmm.engine import config
    from pipelines.openmm.weights import parents

    for parent in parents.of(Row(leaf, images)):
        if cfg.model.get('teacher') == f'{parents.SCHEME}{parent.name}':
            num_classes = int(cfg.model.head.num_classes)
            cfg.model.teacher = config.load(parent.row.config, data_root=Path(cfg.data_root), num_classes=num_classes,
                                            images=images).model
        elif cfg.model.get('parent') == f'{parents.SCHEME}{parent.name}':
            cfg.model.parent = 'random'


def stock(leaf: Path, work: Path, batch: int | None, options: Sequence[str] = ()) -> Config:
    """The libraries' own config for the network, images, classes and batch of a leaf of ours."""
    from mmengine.hub import get_config

    own = ours(leaf, work, batch, options)  # which also imports the library
    cfg = get_config(stock_of(leaf))
    dict(detect=_detector, synth=_gan, classify=_classifier)[stage_of(leaf)](cfg, own, work)
    for split in ('train', 'test'):
        if own.get(f'{split}_dataloader'):
            cfg[f'{split}_dataloader'].batch_size = own[f'{split}_dataloader'].batch_size
    cfg.randomness = dict(cfg.get('randomness', {}), seed=0)
    return _equal(cfg, batch)


def _equal(cfg: Config, batch: int | None) -> Config:
    """Random weights, endless epochs of the few pictures, and a batch."""
    from pipelines.openmm.engine.config import walk

    for _, value in [*walk(cfg._cfg_dict)]:
        if isinstance(value, dict) and (value.get('init_cfg') or {}).get('type') == 'Pretrained':
            value['init_cfg'] = None
    cfg.load_from = None
    for split in ('train', 'test'):
        if loader := cfg.get(f'{split}_dataloader'):
            loader.sampler = dict(type='InfiniteSampler', shuffle=split == 'train')
            loader.batch_size = batch or loader.batch_size
    return cfg


def _detector(cfg: Config, own: Config, work: Path) -> None:
    names = ('dog',) if own.class_agnostic else tuple(
        row['name'] for row in json.loads((work / 'convert' / 'train.json').read_text())['categories'])
    cfg.model.roi_head.bbox_head.num_classes = len(names)
    for part, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        file = str(work / f'one-class-{split}.json' if own.class_agnostic else work / 'convert' / f'{split}.json')
        dataset, reference = cfg[f'{part}_dataloader'].dataset, own[f'{part}_dataloader'].dataset
        dataset.update(data_root=None, ann_file=file, data_prefix=dict(img=f'{work}/convert/images/'),
                       metainfo=dict(classes=names))
        scale = next(step.scale for step in reference.pipeline if 'scale' in step)
        next(step for step in dataset.pipeline if 'scale' in step).scale = scale
        if part != 'train':
            cfg[f'{part}_evaluator'].ann_file = file


def side(pipeline: Sequence[dict[str, Any]]) -> int:
    """Of the square images that a classifier's pipeline ends with, in pixels."""
    value = next(step[key] for step in reversed(pipeline) for key in ('crop_size', 'size', 'scale') if key in step)
    return value if isinstance(value, int) else value[0]


def _classifier(cfg: Config, own: Config, work: Path) -> None:
    cfg.model.head.num_classes = cfg.data_preprocessor.num_classes = CLASSES
    for split in ('train', 'val', 'test'):
        dataset, reference = cfg[f'{split}_dataloader'].dataset, own[f'{split}_dataloader'].dataset
        reference = reference.get('real', reference)  # as a step costs the same with synthetic images
        factor = side(reference.pipeline) / side(dataset.pipeline)
        for step in dataset.pipeline:
            step.update({key: round(step[key] * factor) for key in ('crop_size', 'scale') if key in step})
        cfg[f'{split}_dataloader'].dataset = dict(reference, pipeline=dataset.pipeline)
    cfg.val_evaluator.topk = cfg.test_evaluator.topk = (1,)


def _gan(cfg: Config, own: Config, work: Path) -> None:
    """mmagic's classes and steps in float32, with its optimisers, for the layers and the update counts of ours.

    Its data config for this names a key that its own dataset does not give, so the list of images and the pipeline are
    ours; its validation needs weights that are no longer to be had, and is left out. Its discriminator broadcasts the
    labels of real images against the features (docs/decisions.md, "BigGAN-deep's labels"): as it is.
    """
    discriminator = {key: value for key, value in own.model.discriminator.items() if key != 'augment'}
    cfg.model = dict(own.model, discriminator=dict(discriminator, type='BigGANDeepDiscriminator'))
    for name in ('generator', 'discriminator'):
        cfg.optim_wrapper[name].accumulative_counts = own.optim_wrapper[name].get('accumulative_counts', 1)
    cfg.train_dataloader.dataset = own.train_dataloader.dataset
    cfg.custom_hooks = []
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=10_000, by_epoch=False)
    cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    for split in ('val', 'test'):
        cfg[f'{split}_cfg'] = cfg[f'{split}_evaluator'] = cfg[f'{split}_dataloader'] = None
    cfg.train_cfg.pop('val_begin'), cfg.train_cfg.pop('val_interval')
