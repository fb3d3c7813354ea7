"""EfficientNet-Lite0, taught by Lite2.

Hinton et al. 2015 (arXiv 1503.02531): 0.9 of the loss are the teacher's answers at a temperature of 4.
"""
_base_ = './efficientnet-lite0.py'
model = dict(type='DistilledClassifier', teacher='model://efficientnet-lite2', alpha=0.9, temperature=4.)
