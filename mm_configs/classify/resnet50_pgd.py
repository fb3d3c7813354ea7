"""ResNet-50, PGD training.

Every training image is attacked by seven steps inside 8/255 (Madry et al. 2018, arXiv 1706.06083).
"""
_base_ = './resnet50_fgsm.py'
model = dict(attack=dict(kind='pgd', steps=7, p=1.))
