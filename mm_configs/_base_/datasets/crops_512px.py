"""Fitted into 512 x 512 and padded; random grey-scale and flip in training (the 2023 slides)."""
_base_ = './crops.py'
fit = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True, interpolation='bicubic'),
    dict(type='Pad', size=(512, 512), pad_val=dict(img=(114, 114, 114)))]
train_pipeline = [*fit, dict(type='RandomGrayscale', prob=0.1, keep_channels=True),
                  dict(type='RandomFlip', prob=0.5, direction='horizontal'), dict(type='PackInputs')]
test_pipeline = [*fit, dict(type='PackInputs')]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
