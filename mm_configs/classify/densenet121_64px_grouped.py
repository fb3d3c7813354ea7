"""DenseNet-121 at 64 px, group convolution.

The 3x3 of each layer in four groups (Xie et al. 2017, arXiv 1611.05431).
"""
_base_ = './densenet121_64px.py'
model = dict(backbone=dict(type='ChangedDenseNet', groups=4))
