"""The full profile: bfloat16 (docs/speed.md)."""
_base_ = './classify.py'
speed = dict(dtype='bfloat16')
