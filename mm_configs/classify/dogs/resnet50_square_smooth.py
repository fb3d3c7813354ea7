"""Square crops, label smoothing.

A tenth of the target on all classes (Szegedy et al. 2016, arXiv 1512.00567). Expected: not measured here.
"""
_base_ = './resnet50_square.py'
compared_with = 'resnet50_square'
model = dict(head=dict(loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)))
