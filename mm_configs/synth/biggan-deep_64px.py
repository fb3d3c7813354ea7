"""BigGAN-deep at 64 px.

With DiffAugment (Brock et al. 2019; Zhao et al. 2020), for a CPU. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/biggan-deep_64px.py', '../_base_/datasets/crops_gan_64px.py',
          '../_base_/schedules/gan_laptop.py', '../_base_/runtime/synth_laptop.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})
