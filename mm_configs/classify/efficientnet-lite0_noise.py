"""EfficientNet-Lite0, noise of 0.12.

Trained with Gaussian noise of 0.12, of pixels in [0, 1], so that `make robust` can certify it (Cohen et al. 2019, arXiv
1902.02918, whose other values are 0.25, 0.5 and 1: --cfg-options model.sigma=0.25).
"""
_base_ = './efficientnet-lite0.py'
model = dict(type='NoisyClassifier', sigma=0.12)
