"""ResNet-18 at 64 px, FGSM training.

Half of the training images are attacked by one step of 4/255 (Goodfellow et al. 2015, arXiv 1412.6572).
"""
_base_ = './resnet18_64px.py'
model = dict(type='AdversarialClassifier', attack=dict(kind='fgsm', eps=4 / 255, p=0.5, start='uniform'))
val_evaluator = [dict(type='Accuracy', topk=(1,)), dict(type='AttackedAccuracy')]
default_hooks = dict(checkpoint=dict(save_best='attacked/top1'))
