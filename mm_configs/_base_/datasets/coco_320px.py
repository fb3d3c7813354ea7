"""Images fitted into 320 x 320 pixels, loaded in the training process: for a CPU."""
_base_ = './coco.py'
train_pipeline = _base_.train_pipeline
train_pipeline[2].update(scale=(320, 320))
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(320, 320))
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
