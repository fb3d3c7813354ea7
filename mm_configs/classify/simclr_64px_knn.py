"""SimCLR at 64 px, nearest neighbours.

Votes of the 20 training images that are most alike: nothing is trained on labels.
"""
_base_ = './simclr_64px_probe.py'
compared_with = 'simclr_64px_probe'
model = dict(head=dict(_delete_=True, type='NearestNeighboursHead', num_classes={{'$FGIC_NUM_CLASSES:120'}}))
train_cfg = dict(_delete_=True, type='FitLoop', max_epochs=1, val_interval=1)
