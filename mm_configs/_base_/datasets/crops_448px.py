"""448 x 448 out of 600 x 600, random in training, central in testing: mmpretrain's protocol for CUB."""
_base_ = './crops.py'
load = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=600)]
train_pipeline = [*load, dict(type='RandomCrop', crop_size=448),
                  dict(type='RandomFlip', prob=0.5, direction='horizontal'), dict(type='PackInputs')]
test_pipeline = [*load, dict(type='CenterCrop', crop_size=448), dict(type='PackInputs')]
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
