"""ResNeXt-101, square crops.

The same as resnext101-32x8d_full.py but for the images. Expected: 82.29 % in the slides.
"""
_base_ = './resnext101-32x8d_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/square_{split}.json')) for split in ('train', 'val', 'test')]
