"""The epoch is chosen on val, by COCO AP."""
_base_ = './default.py'
default_hooks = dict(checkpoint=dict(save_best='detect/AP', rule='greater'))
