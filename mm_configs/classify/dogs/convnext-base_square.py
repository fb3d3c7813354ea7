"""ConvNeXt-B, square crops.

The same as convnext-base_full.py but for the images.
"""
_base_ = './convnext-base_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/square_{split}.json')) for split in ('train', 'val', 'test')]
