"""The 2023 slides: 25 epochs of SGD 0.01 for batches of 16, divided by ten every 7 epochs."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=25, val_interval=1)
param_scheduler = dict(type='StepLR', by_epoch=True, step_size=7, gamma=0.1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9, fused=True))
auto_scale_lr = dict(enable=True, base_batch_size=16)
