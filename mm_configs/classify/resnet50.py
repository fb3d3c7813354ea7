"""ResNet-50.

Fine-tuned from ImageNet (He et al. 2016) as the 2023 slides state it: fitted into 512 x 512 and padded, random
grey-scale and flip in training only, batch 16, SGD 0.01, step 7 / 0.1, 25 epochs.
"""
_base_ = ['../_base_/models/resnet50.py', '../_base_/datasets/crops_512px.py',
          '../_base_/schedules/classify_slides.py', '../_base_/runtime/classify.py']
speed = dict(dtype='bfloat16')
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
