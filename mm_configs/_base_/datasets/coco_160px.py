"""Images fitted into 160 x 160 pixels; in training, sizes and colours vary."""
_base_ = './coco_320px.py'
train_pipeline = _base_.train_pipeline
train_pipeline[2:3] = [
    dict(type='RandomResize', scale=(160, 160), ratio_range=(0.7, 1.2), keep_ratio=True),
    dict(type='PhotoMetricDistortion')]
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(160, 160))
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
