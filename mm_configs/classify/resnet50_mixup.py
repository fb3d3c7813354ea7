"""ResNet-50, MixUp.

Pairs of images and their labels, added up (Zhang et al. 2018, arXiv 1710.09412).
"""
_base_ = './resnet50.py'
model = dict(data_preprocessor=dict(type='ClsDataPreprocessor', num_classes={{'$FGIC_NUM_CLASSES:120'}}),
             train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)))
