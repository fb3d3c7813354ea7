"""Faster R-CNN R-101-FPN, a class per species.

One detector class per fine class instead of one for all.
"""
_base_ = './faster-rcnn_r101_fpn.py'
class_agnostic = False
model = dict(roi_head=dict(bbox_head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})))
train_dataloader, val_dataloader, test_dataloader = [dict(dataset=dict(class_agnostic=False))] * 3
val_evaluator, test_evaluator = [dict(class_agnostic=False)] * 2
