"""EfficientNetV2-S of timm, square crops.

The same as efficientnetv2-s_timm_full.py but for the images.
"""
_base_ = './efficientnetv2-s_timm_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/square_{split}.json')) for split in ('train', 'val', 'test')]
