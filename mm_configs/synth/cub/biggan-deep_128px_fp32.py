"""Ablation: float32 in both networks instead of bfloat16 autocast (docs/speed.md)."""
_base_ = './biggan-deep_128px.py'
speed = dict(dtype='float32')
