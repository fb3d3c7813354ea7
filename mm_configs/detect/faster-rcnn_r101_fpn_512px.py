"""Faster R-CNN R-101-FPN, 512 px.

Images fitted into 512 x 512 instead of 1333 x 800.
"""
_base_ = './faster-rcnn_r101_fpn.py'
_base_.train_dataloader.dataset.pipeline[2].scale = (512, 512)
_base_.val_dataloader.dataset.pipeline[1].scale = (512, 512)
_base_.test_dataloader.dataset.pipeline[1].scale = (512, 512)
