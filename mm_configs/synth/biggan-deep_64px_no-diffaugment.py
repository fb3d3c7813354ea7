"""BigGAN-deep at 64 px, plain images.

The discriminator sees images without DiffAugment.
"""
_base_ = './biggan-deep_64px.py'
model = dict(discriminator=dict(augment=()))
