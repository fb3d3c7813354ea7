"""ResNet-18 at 64 px, MixUp.

Pairs of images and their labels, added up (Zhang et al. 2018, arXiv 1710.09412).
"""
_base_ = './resnet18_64px.py'
model = dict(data_preprocessor=dict(type='ClsDataPreprocessor', num_classes={{'$FGIC_NUM_CLASSES:120'}}),
             train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)))
