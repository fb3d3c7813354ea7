"""ResNet-50, frozen.

A linear layer on the features of ImageNet's network, each of which is computed once.
"""
_base_ = ['../_base_/models/resnet50.py', '../_base_/datasets/crops_224px_plain.py',
          '../_base_/schedules/classify_probe.py', '../_base_/runtime/classify.py']
model = dict(type='FrozenClassifier', head=dict(type='UnitLengthClsHead', num_classes={{'$FGIC_NUM_CLASSES:120'}}))
