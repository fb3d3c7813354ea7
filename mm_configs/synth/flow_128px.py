"""Flow matching at 128 px.

A rectified flow from scratch, for one GPU. How long it takes there was not measured.
"""
_base_ = ['../_base_/models/rectified-flow_128px.py', '../_base_/datasets/crops_gan.py',
          '../_base_/schedules/flow_100k.py', '../_base_/runtime/flow.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:120'}})
_base_.train_dataloader.dataset.pipeline[1].size = 128
