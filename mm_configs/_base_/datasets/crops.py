"""Images of one kind of crop: `full`, `box`, `square`, ... as a row of the table says behind its @.

`FGIC_IMAGES` carries the kind; without it, full images. Synthetic images are added when the row is loaded.
"""
data_root = '{{$FGIC_DATA_ROOT:work_dirs/dogs}}'
kind = '{{$FGIC_IMAGES:full}}'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.4, 1.0), interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs')]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(224, 224), keep_ratio=True, interpolation='bicubic'),
    dict(type='Pad', size=(224, 224), pad_val=dict(img=(114, 114, 114))),
    dict(type='PackInputs')]

train_dataloader = dict(
    batch_size=32, num_workers=16, persistent_workers=True, pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='BaseDataset', data_root=data_root, ann_file=f'crop/{kind}_train.json', data_prefix='crop',
                 pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=64, num_workers=16, persistent_workers=True, pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='BaseDataset', data_root=data_root, ann_file=f'crop/{kind}_val.json', data_prefix='crop',
                 pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=64, num_workers=16, persistent_workers=True, pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='BaseDataset', data_root=data_root, ann_file=f'crop/{kind}_test.json', data_prefix='crop',
                 pipeline=test_pipeline))
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
