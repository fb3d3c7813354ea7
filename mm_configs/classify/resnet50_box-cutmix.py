"""ResNet-50, CutMix by boxes.

As _cutmix.py, with labels by what is seen of each animal's box (pipelines/openmm/classify/box_cutmix.py).
"""
_base_ = './resnet50_cutmix.py'
_base_.train_dataloader.dataset.pipeline[1:] = [
    dict(type='KeepBox', transforms=_base_.train_dataloader.dataset.pipeline[1:-1]),
    dict(type='PackInputs', algorithm_keys=('animal', ))]
model = dict(data_preprocessor=dict(type='BoxPreprocessor'), train_cfg=dict(augments=dict(type='BoxCutMix')))
