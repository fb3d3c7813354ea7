"""BigGAN-deep at 256 px.

With DiffAugment (Brock et al. 2019; Zhao et al. 2020), from scratch, for GPUs. The paper's FIDs (5.7 at 128 px, 6.9 at
256 px) are of ImageNet's 1.28 M images at batch 2048: no guide for a set of thousands.
"""
_base_ = ['../_base_/models/biggan-deep_256px.py', '../_base_/datasets/crops_gan.py',
          '../_base_/schedules/gan_100k.py', '../_base_/runtime/synth.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})
