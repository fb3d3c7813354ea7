"""CUB-200-2011: one detector class per fine class instead of one for all. An ablation.

Expected: not measured here.
Command:  make detect DATASET=cub RAW=... DETECT_CONFIG=mm_configs/detect/cub/faster-rcnn_r101_fpn_per-class.py
"""
_base_ = './faster-rcnn_r101_fpn.py'
class_agnostic = False
model = dict(roi_head=dict(bbox_head=dict(num_classes={{'$FGIC_NUM_CLASSES:200'}})))
train_dataloader, val_dataloader, test_dataloader = [dict(dataset=dict(class_agnostic=False))] * 3
val_evaluator, test_evaluator = [dict(class_agnostic=False)] * 2
