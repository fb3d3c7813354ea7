"""DenseNet-121 at 64 px.

From scratch, as the report on small data (003, task B) changes it: the five ablations below it each change one thing.
"""
_base_ = ['mmpretrain::_base_/models/densenet/densenet121.py', '../_base_/datasets/crops_64px.py',
          '../_base_/schedules/classify_toy.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
