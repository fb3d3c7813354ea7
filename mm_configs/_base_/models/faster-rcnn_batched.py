"""mmdet's Faster R-CNN R-50-FPN, whose heads compute a batch at once.

The same network, losses and boxes, with fewer operators (docs/speed.md);
mm_configs/detect/faster-rcnn_r101_fpn_stock.py takes mmdet's own classes.
"""
_base_ = 'mmdet::_base_/models/faster-rcnn_r50_fpn.py'
model = dict(
    type='BatchedFasterRCNN',
    data_preprocessor=dict(non_blocking=True),
    rpn_head=dict(type='BatchedRPNHead'),
    roi_head=dict(type='BatchedStandardRoIHead', bbox_roi_extractor=dict(type='BatchedSingleRoIExtractor')))
