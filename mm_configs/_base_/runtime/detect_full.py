"""The full profile: bfloat16 (docs/speed.md)."""
_base_ = './detect.py'
speed = dict(dtype='bfloat16')
