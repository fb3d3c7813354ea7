"""EfficientNetV2-S of timm, full images.

CUB-200-2011: a timm backbone by name, at 224 px, fine-tuned. Expected: not measured here.
Command:  make classify DATASET=cub RAW=... ROWS="mm_configs/classify/cub/efficientnetv2-s_timm_*.py"
"""
_base_ = ['../../_base_/models/efficientnetv2-s_timm.py', '../../_base_/datasets/crops.py',
          '../../_base_/schedules/classify_adamw.py', '../../_base_/runtime/classify_full.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:200'}}))
