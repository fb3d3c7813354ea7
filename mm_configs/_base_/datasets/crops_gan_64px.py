"""Square crops at 64 px, 8 at a time, loaded in the training process: for a CPU."""
_base_ = './crops_gan.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(size=64)
train_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False, dataset=dict(pipeline=train_pipeline))
