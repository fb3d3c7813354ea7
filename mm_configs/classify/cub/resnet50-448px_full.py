"""ResNet-50 at 448 px, full images.

CUB-200-2011: ResNet-50 at 448 px, mmpretrain's recipe for CUB: SGD 0.01 for 64 images, cosine, 100 epochs.
Expected: 88.45 % in mmpretrain, from ImageNet-21k weights whose file is gone; from ImageNet-1k ones not measured here.
Command:  make classify DATASET=cub RAW=... ROWS="mm_configs/classify/cub/resnet50-448px_*.py"
"""
_base_ = ['../../_base_/models/resnet50.py', '../../_base_/datasets/crops_448px.py',
          '../../_base_/schedules/classify_cub.py', '../../_base_/runtime/classify_full.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:200'}}))
