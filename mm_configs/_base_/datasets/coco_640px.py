"""Images fitted into 640 x 640 pixels and padded; in training as in RTMDet's last stage: sizes and colours vary."""
_base_ = './coco.py'
pad = dict(type='Pad', size=(640, 640), pad_val=dict(img=(114, 114, 114)))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomResize', scale=(640, 640), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(640, 640)),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5), pad,
    dict(type='PackDetInputs')]
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(640, 640))
test_pipeline.insert(2, pad)
train_dataloader = dict(batch_size=32, batch_sampler=None, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
