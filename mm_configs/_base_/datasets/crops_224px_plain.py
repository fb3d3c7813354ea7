"""224 x 224 pixels, train images prepared as those of val: for networks that see each image once."""
_base_ = './crops_224px.py'
train_dataloader = dict(batch_size=256, dataset=dict(pipeline=_base_.test_pipeline))
val_dataloader = dict(batch_size=64)
