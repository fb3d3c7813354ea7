"""ResNet-50, mirrored in testing.

Answers are means of those of the image and of its mirror image; trained as resnet50.
"""
_base_ = './resnet50.py'
model = dict(type='MirroredClassifier')
