"""EfficientNet-Lite0, Seesaw loss.

Rare classes are punished less for being mistaken for frequent ones (Wang et al. 2021, arXiv 2008.10032).
"""
_base_ = './efficientnet-lite0.py'
model = dict(head=dict(loss=dict(type='SeesawLoss', num_classes={{'$FGIC_NUM_CLASSES:120'}})))
