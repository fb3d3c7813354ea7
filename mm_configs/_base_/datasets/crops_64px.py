"""64 x 64 pixels, loaded in the training process: for a CPU."""
_base_ = './crops.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(scale=64)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(64, 64))
test_pipeline[2].update(size=(64, 64))
train_dataloader = dict(batch_size=16, num_workers=0, persistent_workers=False, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(pipeline=test_pipeline))
