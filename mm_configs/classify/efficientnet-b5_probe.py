"""EfficientNet-b5, frozen.

At 456 px, with torchvision's ImageNet weights (Tan and Le 2019, arXiv 1905.11946); each feature is computed once.
"""
_base_ = ['../_base_/models/resnet50.py', '../_base_/datasets/crops_456px_plain.py',
          '../_base_/schedules/classify_probe.py', '../_base_/runtime/classify.py']
model = dict(type='FrozenClassifier',
             backbone=dict(_delete_=True, type='TIMMBackbone', model_name='efficientnet_b5', bn_eps=1e-3, init_cfg=dict(
                 type='Pretrained', checkpoint='weights://efficientnet_b5_imagenet1k', prefix='backbone')),
             head=dict(type='UnitLengthClsHead', num_classes={{'$FGIC_NUM_CLASSES:120'}}))
