"""DenseNet-121 at 64 px, label smoothing.

A tenth of the target on all classes (Szegedy et al. 2016, arXiv 1512.00567).
"""
_base_ = './densenet121_64px.py'
model = dict(head=dict(loss=dict(_delete_=True, type='LabelSmoothLoss', label_smooth_val=0.1)))
