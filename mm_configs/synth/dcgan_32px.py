"""DCGAN at 32 px.

With classes, enlarged bicubically to 64 px: what report 3.3 of the sources added to its training set.
"""
_base_ = ['../_base_/models/dcgan_32px.py', '../_base_/datasets/crops_gan_64px.py',
          '../_base_/schedules/gan_dcgan.py', '../_base_/runtime/synth.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})
speed = dict(dtype='float32')
train_dataloader = dict(batch_size=32)
_base_.train_dataloader.dataset.pipeline[1].size = 32
default_hooks = dict(checkpoint=dict(interval=200))
custom_hooks = [dict(type='LoaderSeedHook'), dict(type='SampleGridHook', interval=400),
                dict(type='CollapseHook', interval=400, begin=1200)]
