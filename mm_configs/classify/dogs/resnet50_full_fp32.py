"""Full images, float32.

Instead of bfloat16 autocast. Expected: the same within the spread of seeds; not measured here (docs/speed.md).
"""
_base_ = './resnet50_full.py'
speed = dict(dtype='float32')
