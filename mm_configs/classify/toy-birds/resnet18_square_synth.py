"""Square crops + synthetic.

As many synthetic images as real ones in training; val and test are real.
"""
_base_ = './resnet18_square.py'
compared_with = 'resnet18_square'
real = _base_.train_dataloader.dataset
train_dataloader = dict(dataset=dict(_delete_=True, type='WithSynthetic', ratio=1.0, real=real, synthetic=dict(
    real, ann_file='synth/train.json', data_prefix='synth')))
