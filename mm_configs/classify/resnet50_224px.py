"""ResNet-50, 224 px.

Fitted into 224 x 224 instead of 512 x 512.
"""
_base_ = './resnet50.py'
_base_.train_dataloader.dataset.pipeline[1].scale = _base_.train_dataloader.dataset.pipeline[2].size = (224, 224)
_base_.val_dataloader.dataset.pipeline[1].scale = _base_.val_dataloader.dataset.pipeline[2].size = (224, 224)
_base_.test_dataloader.dataset.pipeline[1].scale = _base_.test_dataloader.dataset.pipeline[2].size = (224, 224)
