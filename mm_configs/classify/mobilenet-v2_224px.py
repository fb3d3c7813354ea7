"""MobileNetV2 at 224 px, 12 epochs.

For sets as small as a few birds: as large as in the weights' training, and half as long again.
"""
_base_ = './mobilenet-v2.py'
_base_.train_dataloader.dataset.pipeline[1].scale = 224
_base_.val_dataloader.dataset.pipeline[1].scale = _base_.val_dataloader.dataset.pipeline[2].size = (224, 224)
_base_.test_dataloader.dataset.pipeline[1].scale = _base_.test_dataloader.dataset.pipeline[2].size = (224, 224)
train_cfg = dict(max_epochs=12)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=12, convert_to_iter_based=True)
