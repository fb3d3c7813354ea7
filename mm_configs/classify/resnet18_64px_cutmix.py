"""ResNet-18 at 64 px, CutMix.

In half of the batches, a piece of another image; labels by its area (Yun et al. 2019, arXiv 1905.04899).
"""
_base_ = './resnet18_64px.py'
model = dict(data_preprocessor=dict(type='ClsDataPreprocessor', num_classes={{'$FGIC_NUM_CLASSES:120'}}),
             train_cfg=dict(augments=dict(type='CutMix', alpha=1.0), probs=0.5))
