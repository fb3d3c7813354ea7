"""BigGAN-deep at 64 px, 1,000 steps.

For the drawn sets: minutes on a CPU.
"""
_base_ = './biggan-deep_64px.py'
train_cfg = dict(max_iters=1000)
