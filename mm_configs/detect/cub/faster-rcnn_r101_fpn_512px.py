"""CUB-200-2011: images fitted into 512 x 512 instead of 1333 x 800. An ablation.

Expected: not measured here.
Command:  make detect DATASET=cub RAW=... DETECT_CONFIG=mm_configs/detect/cub/faster-rcnn_r101_fpn_512px.py
"""
_base_ = './faster-rcnn_r101_fpn.py'
_base_.train_dataloader.dataset.pipeline[2].scale = (512, 512)
_base_.val_dataloader.dataset.pipeline[1].scale = (512, 512)
_base_.test_dataloader.dataset.pipeline[1].scale = (512, 512)
