"""EfficientNet-Lite1.

A larger one, at 240 px as in its ImageNet training.
"""
_base_ = './efficientnet-lite0.py'
model = dict(backbone=dict(model_name='tf_efficientnet_lite1', init_cfg=dict(
    checkpoint='weights://efficientnet_lite1_in1k')))
_base_.train_dataloader.dataset.pipeline[1].scale = 240
_base_.val_dataloader.dataset.pipeline[1].scale = _base_.val_dataloader.dataset.pipeline[2].size = (240, 240)
_base_.test_dataloader.dataset.pipeline[1].scale = _base_.test_dataloader.dataset.pipeline[2].size = (240, 240)
