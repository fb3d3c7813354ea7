"""BigGAN-deep at 64 px, 400 steps.

For the drawn sets: a minute on a CPU. That is far too little for BigGAN-deep; the figures beside its images say so.
"""
_base_ = './biggan-deep_64px.py'
train_cfg = dict(max_iters=400)
speed = dict(dtype='auto')
