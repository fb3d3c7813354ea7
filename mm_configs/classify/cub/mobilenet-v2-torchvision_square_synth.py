"""Square crops + synthetic.

As many synthetic images as real ones in training; val and test are real.
"""
_base_ = './mobilenet-v2-torchvision_square.py'
compared_with = 'mobilenet-v2-torchvision_square'
real = _base_.train_dataloader.dataset
train_dataloader = dict(dataset=dict(_delete_=True, type='WithSynthetic', ratio=1.0, real=real, synthetic=dict(
    real, ann_file='synth/train.json', data_prefix='synth')))
