"""Faster R-CNN small enough for a CPU: MobileNetV2 (Sandler et al. 2018), 128-channel FPN from stride 8, few proposals.

The animals of fine-grained sets are large: stride 4, which holds 3/4 of an FPN's positions, is left out.
"""
_base_ = './faster-rcnn_batched.py'

default_scope = 'mmdet'
model = dict(
    data_preprocessor=dict(mean=[128.] * 3, std=[128.] * 3),
    backbone=dict(_delete_=True, type='mmpretrain.MobileNetV2', out_indices=(2, 4, 7)),
    neck=dict(in_channels=[32, 96, 1280], out_channels=128, num_outs=4),
    rpn_head=dict(in_channels=128, feat_channels=128, anchor_generator=dict(scales=[4, 8], strides=[8, 16, 32, 64])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=128, featmap_strides=[8, 16, 32]),
        bbox_head=dict(in_channels=128, fc_out_channels=256, num_classes=1)),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=200),
        rcnn=dict(sampler=dict(num=128))),
    test_cfg=dict(
        rpn=dict(nms_pre=300, max_per_img=100),
        rcnn=dict(max_per_img=10)))
