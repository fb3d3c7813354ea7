"""ResNet-50, logit adjustment.

Classes' shares of the training images are in the loss and not in predictions (Menon et al. 2021, arXiv 2007.07314).
"""
_base_ = './resnet50.py'
model = dict(head=dict(loss=dict(type='LogitAdjustedLoss', num_classes={{'$FGIC_NUM_CLASSES:120'}})))
custom_hooks = [dict(type='ClassCountsHook')]
