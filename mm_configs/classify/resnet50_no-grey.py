"""ResNet-50, no grey.

Without random grey-scale in training: one of the slides' tricks less.
"""
_base_ = './resnet50.py'
_base_.train_dataloader.dataset.pipeline[3:4] = []
