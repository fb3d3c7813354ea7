"""ResNet-50, label smoothing.

A tenth of the target on all classes (Szegedy et al. 2016, arXiv 1512.00567).
"""
_base_ = './resnet50.py'
model = dict(head=dict(loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)))
