"""ViT-B/16, square crops.

The same as vit-base-p16_full.py but for the images.
"""
_base_ = './vit-base-p16_full.py'
train_dataloader, val_dataloader, test_dataloader = [
    dict(dataset=dict(ann_file=f'crop/square_{split}.json')) for split in ('train', 'val', 'test')]
