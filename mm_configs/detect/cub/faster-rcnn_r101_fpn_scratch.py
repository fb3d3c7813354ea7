"""CUB-200-2011: Faster R-CNN R-101-FPN without pretrained weights. An ablation.

Every stage is trained, with group norm: batch norm learns nothing from 2 images per GPU (He et al. 2019, Rethinking
ImageNet Pre-training, arXiv 1811.08883: on COCO it takes 6x to catch up). Expected: not measured here.
Command:  make detect DATASET=cub RAW=... DETECT_CONFIG=mm_configs/detect/cub/faster-rcnn_r101_fpn_scratch.py
"""
_base_ = './faster-rcnn_r101_fpn.py'
model = dict(backbone=dict(init_cfg=None, frozen_stages=-1, zero_init_residual=False,
                           norm_cfg=dict(type='GN', num_groups=32)))
