"""MobileNetV2.

At 160 px, fine-tuned from ImageNet (Sandler et al. 2018), for a CPU. Its weights are a file of yours: docs/weights.md.
Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/mobilenet-v2.py', '../_base_/datasets/crops_160px.py',
          '../_base_/schedules/classify_laptop.py', '../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
