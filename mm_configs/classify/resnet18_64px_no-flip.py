"""ResNet-18 at 64 px, no flip.

Without random flips in training.
"""
_base_ = './resnet18_64px.py'
_base_.train_dataloader.dataset.pipeline[2:3] = []
