"""ResNet-50, no flip.

Without random flips in training: one of the slides' tricks less.
"""
_base_ = './resnet50.py'
_base_.train_dataloader.dataset.pipeline[4:5] = []
