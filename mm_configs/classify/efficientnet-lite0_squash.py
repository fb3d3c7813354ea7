"""EfficientNet-Lite0, squashed.

Val and test images are squashed to a square instead of fitted into one and padded.
"""
_base_ = './efficientnet-lite0.py'
_base_.val_dataloader.dataset.pipeline[1].keep_ratio = _base_.test_dataloader.dataset.pipeline[1].keep_ratio = False
