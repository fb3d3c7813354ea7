"""ResNet-50 at 448 px, square crops.

The same as resnet50-448px_full.py but for the images.
"""
_base_ = './resnet50-448px_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/square_{split}.json')) for split in ('train', 'val', 'test')]
