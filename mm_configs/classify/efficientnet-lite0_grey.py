"""EfficientNet-Lite0, grey.

A tenth of the training images in grey, as on the slides.
"""
_base_ = './efficientnet-lite0.py'
_base_.train_dataloader.dataset.pipeline[3:3] = [dict(type='RandomGrayscale', prob=0.1, keep_channels=True)]
