"""Square crops at 128 px."""
_base_ = './crops_gan.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(size=128)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
