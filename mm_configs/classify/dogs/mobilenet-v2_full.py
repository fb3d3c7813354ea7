"""Full images.

Stanford Dogs: MobileNetV2 (Sandler et al. 2018) at 160 px, fine-tuned from ImageNet, for a CPU.
Measured: docs/benchmarks.md. Command:  make classify DATASET=dogs RAW=... WEIGHTS=... PROFILE=laptop
"""
_base_ = ['../../_base_/models/mobilenet-v2.py', '../../_base_/datasets/crops_160px.py',
          '../../_base_/schedules/classify_laptop.py', '../../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
