"""ResNet-18 at 64 px, ResizeMix.

In half of the batches, another whole image, shrunk (Qin et al. 2020, arXiv 2012.11101).
"""
_base_ = './resnet18_64px.py'
model = dict(data_preprocessor=dict(type='ClsDataPreprocessor', num_classes={{'$FGIC_NUM_CLASSES:120'}}),
             train_cfg=dict(augments=dict(type='ResizeMix', alpha=1.0), probs=0.5))
