"""Full images.

CUB-200-2011: MobileNetV2 (Sandler et al. 2018) at 224 px, fine-tuned from ImageNet, for a CPU.
Measured: docs/benchmarks.md. Command:  make classify DATASET=cub RAW=... WEIGHTS=... PROFILE=laptop
"""
_base_ = ['../../_base_/models/mobilenet-v2.py', '../../_base_/datasets/crops_224px.py',
          '../../_base_/schedules/classify_laptop.py', '../../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:200'}}))
train_cfg = dict(max_epochs=12)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=12, convert_to_iter_based=True)
