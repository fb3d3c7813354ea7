"""ResNet-18 at 64 px.

From scratch (He et al. 2016), with CIFAR's stem: for the drawn sets. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/resnet18.py', '../_base_/datasets/crops_64px.py',
          '../_base_/schedules/classify_toy.py', '../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
