"""Faster R-CNN R-101-FPN from scratch.

Every stage is trained, with group norm: batch norm learns nothing from 2 images per GPU (He et al. 2019, Rethinking
ImageNet Pre-training, arXiv 1811.08883: on COCO it takes 6x to catch up).
"""
_base_ = './faster-rcnn_r101_fpn.py'
model = dict(backbone=dict(init_cfg=None, frozen_stages=-1, zero_init_residual=False,
                           norm_cfg=dict(type='GN', num_groups=32)))
