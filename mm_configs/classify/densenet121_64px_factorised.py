"""DenseNet-121 at 64 px, factorised kernels.

1x3 and 3x1 for each 3x3 in a layer (Szegedy et al. 2016, arXiv 1512.00567): a quarter fewer operations.
"""
_base_ = './densenet121_64px.py'
model = dict(backbone=dict(type='ChangedDenseNet', factorised=True))
