"""Flow matching at 64 px.

A rectified flow from scratch, for a CPU: a checkpoint every 200 steps, a grid of samples every 800. After two thirds of
its steps it draws the classes' coats, and no dogs yet: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/rectified-flow_64px.py', '../_base_/datasets/crops_gan_64px.py',
          '../_base_/schedules/flow_laptop.py', '../_base_/runtime/flow.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})
train_dataloader = dict(batch_size=16)
default_hooks = dict(checkpoint=dict(interval=200))
_base_.custom_hooks[1].update(interval=800, columns=8)
_base_.custom_hooks[2].momentum = 0.001
_base_.custom_hooks[3].update(interval=300, begin=1500)
