"""ResNet-18 at 64 px, noise of 0.12.

Trained with Gaussian noise of 0.12, of pixels in [0, 1], so that `make robust` can certify it (Cohen et al. 2019, arXiv
1902.02918).
"""
_base_ = './resnet18_64px.py'
model = dict(type='NoisyClassifier', sigma=0.12)
