"""ResNet-18 at 64 px, PGD training.

Every training image is attacked by three steps inside 4/255.
"""
_base_ = './resnet18_64px_fgsm.py'
model = dict(attack=dict(kind='pgd', steps=3, p=1.))
