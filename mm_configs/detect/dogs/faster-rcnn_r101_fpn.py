"""Stanford Dogs: Faster R-CNN R-101-FPN, 1x, 1333x800, one class "dog" (Ren et al. 2015; Lin et al. 2017).

Expected: unmeasured by us at full size. Command:  make detect DATASET=dogs RAW=... PROFILE=full GPUS=8
"""
_base_ = ['../../_base_/models/faster-rcnn_r101_fpn.py', '../../_base_/datasets/coco.py',
          '../../_base_/schedules/detect_1x.py', '../../_base_/runtime/detect_full.py']
