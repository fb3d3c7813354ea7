"""ConvNeXt-B, full images.

CUB-200-2011: ConvNeXt-B (Liu et al. 2022) at 224 px, fine-tuned. Expected: not measured here.
Command:  make classify DATASET=cub RAW=... ROWS="mm_configs/classify/cub/convnext-base_*.py"
"""
_base_ = ['../../_base_/models/convnext-base.py', '../../_base_/datasets/crops.py',
          '../../_base_/schedules/classify_adamw.py', '../../_base_/runtime/classify_full.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:200'}}))
