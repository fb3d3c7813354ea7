"""DenseNet-121 at 64 px, noise.

Gaussian noise of 0.005 after each of the first six convolutions, in training alone (003, task B).
"""
_base_ = './densenet121_64px.py'
model = dict(backbone=dict(type='ChangedDenseNet', noise=0.005))
