"""Full images, bfloat16.

Autocast instead of float32, for CPUs that have bfloat16 (docs/speed.md). Expected: the same within the spread of seeds.
"""
_base_ = './mobilenet-v2_full.py'
speed = dict(dtype='bfloat16')
