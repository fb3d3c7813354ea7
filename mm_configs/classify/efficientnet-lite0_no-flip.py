"""EfficientNet-Lite0, no flip.

Without random flips in training.
"""
_base_ = './efficientnet-lite0.py'
_base_.train_dataloader.dataset.pipeline[2:3] = []
