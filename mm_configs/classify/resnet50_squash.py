"""ResNet-50, squashed.

Images are squashed to a square instead of fitted into one and padded: one of the slides' tricks less.
"""
_base_ = './resnet50.py'
_base_.train_dataloader.dataset.pipeline[1].keep_ratio = False
_base_.val_dataloader.dataset.pipeline[1].keep_ratio = _base_.test_dataloader.dataset.pipeline[1].keep_ratio = False
