"""Two views of each image at 64 px, without val and test: for pretraining without labels (Chen et al. 2020)."""
_base_ = './crops_64px.py'
view = [
    dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.2, 1.0), interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='RandomApply', prob=0.8, transforms=[
        dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)]),
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True)]
train_dataloader = dict(batch_size=128, drop_last=True, collate_fn=dict(type='default_collate'), dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'), dict(type='MultiView', num_views=2, transforms=[view]), dict(type='PackInputs')]))
val_dataloader = val_cfg = val_evaluator = test_dataloader = test_cfg = test_evaluator = None
