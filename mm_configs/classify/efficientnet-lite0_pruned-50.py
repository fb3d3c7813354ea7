"""EfficientNet-Lite0, 50 % of its filters pruned.

From the trained row without the smallest filters (Li et al. 2017, arXiv 1608.08710), trained on.
"""
_base_ = './efficientnet-lite0.py'
model = dict(type='PrunedClassifier', parent='model://efficientnet-lite0', ratio=0.5)
custom_hooks = [dict(type='RecalibrateHook')]
