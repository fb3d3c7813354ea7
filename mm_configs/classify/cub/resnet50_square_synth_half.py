"""Square crops + half as many synthetic.

0.5 synthetic images for each real one. Expected: not measured here.
"""
_base_ = './resnet50_square_synth.py'
compared_with = 'resnet50_square_synth'
train_dataloader = dict(dataset=dict(ratio=0.5))
