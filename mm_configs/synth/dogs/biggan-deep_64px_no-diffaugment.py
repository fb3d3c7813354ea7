"""Ablation: the discriminator sees plain images. Command: make synth with this --config."""
_base_ = './biggan-deep_64px.py'
model = dict(discriminator=dict(augment=()))
