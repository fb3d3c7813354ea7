"""64 x 64 pixels, train images prepared as those of val: for networks that see each image once."""
_base_ = './crops_64px.py'
train_dataloader = dict(batch_size=256, dataset=dict(pipeline=_base_.test_pipeline))
