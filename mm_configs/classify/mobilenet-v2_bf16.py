"""MobileNetV2, bfloat16.

Autocast instead of float32, for CPUs that have bfloat16 (docs/speed.md).
"""
_base_ = './mobilenet-v2.py'
speed = dict(dtype='bfloat16')
