"""ViT-Ti/16.

12 layers of 3 heads and 192 channels, from scratch, at 224 px, for a CPU (Touvron et al. 2021, arXiv 2012.12877).
"""
_base_ = ['../_base_/datasets/crops_224px.py', '../_base_/schedules/classify_laptop.py',
          '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(type='VisionTransformer', patch_size=16, arch=dict(
        embed_dims=192, num_layers=12, num_heads=3, feedforward_channels=768)),
    head=dict(type='VisionTransformerClsHead', in_channels=192, num_classes={{'$FGIC_NUM_CLASSES:120'}},
              loss=dict(type='CrossEntropyLoss')))
