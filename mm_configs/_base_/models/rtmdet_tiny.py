"""RTMDet-tiny (Lyu et al. 2022, arXiv 2212.07784), one class, from scratch: 4.8 M parameters, mmdet's layout."""
default_scope = 'mmdet'
norm_act = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='SiLU', inplace=True))
model = dict(
    type='RTMDet',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395],
                           bgr_to_rgb=False),
    backbone=dict(type='CSPNeXt', arch='P5', deepen_factor=0.167, widen_factor=0.375, expand_ratio=0.5,
                  channel_attention=True, **norm_act),
    neck=dict(type='CSPNeXtPAFPN', in_channels=[96, 192, 384], out_channels=96, num_csp_blocks=1, expand_ratio=0.5,
              **norm_act),
    bbox_head=dict(
        type='RTMDetSepBNHead', num_classes=1, in_channels=96, feat_channels=96, stacked_convs=2, exp_on_reg=False,
        share_conv=True, pred_kernel_size=1, with_objectness=False, **norm_act,
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='QualityFocalLoss', use_sigmoid=True, beta=2.0, loss_weight=1.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0)),
    train_cfg=dict(assigner=dict(type='DynamicSoftLabelAssigner', topk=13), allowed_border=-1, pos_weight=-1),
    test_cfg=dict(nms_pre=30000, min_bbox_size=0, score_thr=0.001, nms=dict(type='nms', iou_threshold=0.65),
                  max_per_img=100))
