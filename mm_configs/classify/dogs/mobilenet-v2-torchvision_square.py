"""Square crops.

The same as mobilenet-v2-torchvision_full.py but for the images.
"""
_base_ = './mobilenet-v2-torchvision_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/square_{split}.json')) for split in ('train', 'val', 'test')]
