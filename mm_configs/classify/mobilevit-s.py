"""MobileViT-S.

Convolutions around transformers (Mehta and Rastegari 2022, arXiv 2110.02178), at 224 px, from scratch: the host of
mmpretrain's weights is gone. 5 million parameters, as ViT-Ti/16.
"""
_base_ = ['mmpretrain::_base_/models/mobilevit/mobilevit_s.py', '../_base_/datasets/crops_224px.py',
          '../_base_/schedules/classify_laptop.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
