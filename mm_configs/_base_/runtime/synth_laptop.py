"""Checkpoints and sample grids more often."""
_base_ = './synth.py'
default_hooks = dict(checkpoint=dict(interval=200))
custom_hooks = [dict(type='LoaderSeedHook'), dict(type='SampleGridHook', interval=200)]
