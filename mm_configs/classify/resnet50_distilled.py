"""ResNet-50, taught by ResNeXt-101.

Hinton et al. 2015 (arXiv 1503.02531): 0.9 of the loss are the teacher's answers at a temperature of 4.
"""
_base_ = './resnet50.py'
model = dict(type='DistilledClassifier', teacher='model://resnext101-32x8d', alpha=0.9, temperature=4.)
