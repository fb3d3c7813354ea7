"""Full images.

CUB-200-2011: ResNet-50 (He et al. 2016) fine-tuned from ImageNet as the 2023 slides state it: fitted into 512 x 512 and
padded, random grey-scale and flip in training only, batch 16, SGD 0.01, step 7 / 0.1, 25 epochs.
Expected: unmeasured by us at full size. Command:  make classify DATASET=cub RAW=... PROFILE=full GPUS=8
"""
_base_ = ['../../_base_/models/resnet50.py', '../../_base_/datasets/crops_512px.py',
          '../../_base_/schedules/classify_slides.py', '../../_base_/runtime/classify_full.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:200'}}))
