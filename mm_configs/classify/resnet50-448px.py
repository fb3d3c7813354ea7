"""ResNet-50 at 448 px.

mmpretrain's recipe for CUB: 448 out of 600 px, SGD 0.01 for 64 images, cosine, 100 epochs. mmpretrain's own figure on
CUB, 88.45 %, is from ImageNet-21k weights whose file is gone; this one starts from ImageNet-1k.
"""
_base_ = ['../_base_/models/resnet50.py', '../_base_/datasets/crops_448px.py',
          '../_base_/schedules/classify_cub.py', '../_base_/runtime/classify.py']
speed = dict(dtype='bfloat16')
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
