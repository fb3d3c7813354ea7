"""EfficientNet-Lite0, mirrored in testing.

Answers are means of those of the image and of its mirror image; trained as efficientnet-lite0.
"""
_base_ = './efficientnet-lite0.py'
model = dict(type='MirroredClassifier')
