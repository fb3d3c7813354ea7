"""Faster R-CNN (Ren et al. 2015) with ResNet-101-FPN (Lin et al. 2017), one class, ImageNet weights of torchvision."""
_base_ = './faster-rcnn_batched.py'

default_scope = 'mmdet'
model = dict(
    backbone=dict(depth=101, init_cfg=dict(type='Pretrained', checkpoint='weights://resnet101_imagenet1k')),
    roi_head=dict(bbox_head=dict(num_classes=1)))
