"""MobileNetV2 at 224 px, 12 epochs.

For sets as small as a few birds: as large as in the weights' training, and half as long again.
"""
_base_ = ['../_base_/models/mobilenet-v2.py', '../_base_/datasets/crops_224px.py',
          '../_base_/schedules/classify_laptop.py', '../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
train_cfg = dict(max_epochs=12)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=12, convert_to_iter_based=True)
