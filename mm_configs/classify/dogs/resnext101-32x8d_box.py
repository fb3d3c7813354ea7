"""ResNeXt-101, box crops.

The same as resnext101-32x8d_full.py but for the images. Expected: 90.70 % in the slides.
"""
_base_ = './resnext101-32x8d_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/box_{split}.json')) for split in ('train', 'val', 'test')]
