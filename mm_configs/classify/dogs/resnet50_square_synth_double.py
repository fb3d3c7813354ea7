"""Square crops + twice as many synthetic.

2.0 synthetic images for each real one. Draw enough: make synth IMAGES_PER_CLASS=... Expected: not measured here.
"""
_base_ = './resnet50_square_synth.py'
compared_with = 'resnet50_square_synth'
train_dataloader = dict(dataset=dict(ratio=2.0))
