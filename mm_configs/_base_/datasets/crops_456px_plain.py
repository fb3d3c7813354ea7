"""456 x 456 pixels, as EfficientNet-b5 was trained with, train images prepared as those of val."""
_base_ = './crops_224px.py'
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(456, 456))
test_pipeline[2].update(size=(456, 456))
train_dataloader = dict(batch_size=256, dataset=dict(pipeline=test_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
