"""ResNet-50 at 448 px.

mmpretrain's recipe for CUB: 448 out of 600 px, SGD 0.01 for 64 images, cosine, 100 epochs. mmpretrain's own figure on
CUB, 88.45 %, is from ImageNet-21k weights whose file is gone; this one starts from ImageNet-1k.
"""
_base_ = ['../_base_/models/resnet50.py', '../_base_/datasets/crops_448px.py', '../_base_/runtime/classify.py']
speed = dict(dtype='bfloat16')
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=95, by_epoch=True, begin=5, end=100)]
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(
    type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005, nesterov=True, fused=True))
auto_scale_lr = dict(enable=True, base_batch_size=64)
