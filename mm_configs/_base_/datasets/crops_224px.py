"""224 x 224 pixels, as most weights were trained with, loaded in the training process: for a CPU."""
_base_ = './crops_160px.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(scale=224)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(224, 224))
test_pipeline[2].update(size=(224, 224))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
