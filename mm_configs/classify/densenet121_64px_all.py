"""DenseNet-121 at 64 px, all of 003.

Factorised kernels, noise, label smoothing and the plateau schedule. 003 on its own set: 84 % -> 89.2 %.
"""
_base_ = './densenet121_64px_plateau.py'
compared_with = 'densenet121_64px'
model = dict(backbone=dict(type='ChangedDenseNet', factorised=True, noise=0.005),
             head=dict(loss=dict(_delete_=True, type='LabelSmoothLoss', label_smooth_val=0.1)))
