"""The epoch is chosen on val, by top-1."""
_base_ = './default.py'
default_hooks = dict(checkpoint=dict(save_best='accuracy/top1', rule='greater'))
