"""EfficientNet-Lite0 at a temperature of 20.

The teacher of defensive distillation (Papernot et al. 2016, arXiv 1511.04508): logits are divided by 20 in training.
"""
_base_ = './efficientnet-lite0.py'
model = dict(head=dict(loss=dict(_delete_=True, type='TemperedCrossEntropyLoss', temperature=20.)))
