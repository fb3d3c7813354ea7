"""Checkpoints and sample grids more often; float32."""
_base_ = './synth.py'
speed = dict(dtype='float32')
default_hooks = dict(checkpoint=dict(interval=200))
custom_hooks = [dict(type='LoaderSeedHook'), dict(type='SampleGridHook', interval=200)]
