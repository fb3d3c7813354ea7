"""BigGAN-deep at 64 px.

With DiffAugment (Brock et al. 2019; Zhao et al. 2020), for a CPU: float32, a checkpoint and a grid of samples every 200
steps. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/biggan-deep_64px.py', '../_base_/datasets/crops_gan_64px.py',
          '../_base_/schedules/gan_laptop.py', '../_base_/runtime/synth.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})
speed = dict(dtype='float32')
default_hooks = dict(checkpoint=dict(interval=200))
custom_hooks = [dict(type='LoaderSeedHook'), dict(type='SampleGridHook', interval=200),
                dict(type='CollapseHook', interval=400, begin=1200)]
