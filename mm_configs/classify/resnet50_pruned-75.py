"""ResNet-50, 75 % of its filters pruned.

From the trained row without the smallest filters (Li et al. 2017, arXiv 1608.08710), trained on.
"""
_base_ = './resnet50.py'
model = dict(type='PrunedClassifier', parent='model://resnet50', ratio=0.75)
custom_hooks = [dict(type='RecalibrateHook')]
