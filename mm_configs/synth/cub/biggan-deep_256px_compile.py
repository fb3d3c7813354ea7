"""Ablation: torch.compile of both networks; it needs a C compiler (docs/speed.md)."""
_base_ = './biggan-deep_256px.py'
speed = dict(compile=['generator', 'discriminator'])
