"""Ablation: bfloat16 autocast in both networks."""
_base_ = './biggan-deep_256px.py'
optim_wrapper = dict(generator=dict(type='AmpOptimWrapper', dtype='bfloat16'),
                     discriminator=dict(type='AmpOptimWrapper', dtype='bfloat16'))
