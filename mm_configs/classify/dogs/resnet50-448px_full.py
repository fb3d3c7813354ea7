"""ResNet-50 at 448 px, full images.

Stanford Dogs: ResNet-50 at 448 px, mmpretrain's recipe for CUB: SGD 0.01 for 64 images, cosine, 100 epochs.
Expected: not measured here.
Command:  make classify DATASET=dogs RAW=... ROWS="mm_configs/classify/dogs/resnet50-448px_*.py"
"""
_base_ = ['../../_base_/models/resnet50.py', '../../_base_/datasets/crops_448px.py',
          '../../_base_/schedules/classify_cub.py', '../../_base_/runtime/classify_full.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
