"""ResNet-50, averaged weights.

An exponential moving average of the weights is judged on val and kept (Polyak and Juditsky 1992).
"""
_base_ = './resnet50.py'
custom_hooks = [dict(type='EMAHook', momentum=0.002, update_buffers=True)]
