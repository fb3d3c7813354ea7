"""EfficientNet-Lite0, PGD training.

Every training image is attacked by three steps inside 8/255 (Madry et al. 2018, arXiv 1706.06083, has seven).
"""
_base_ = './efficientnet-lite0_fgsm.py'
model = dict(attack=dict(kind='pgd', steps=3, p=1.))
