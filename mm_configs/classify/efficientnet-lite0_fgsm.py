"""EfficientNet-Lite0, FGSM training.

Half of the training images are attacked by one step of 8/255 (the report, 3.7; Goodfellow et al. 2015, arXiv
1412.6572). PGD's accuracy on val chooses the epoch, as FGSM training can overfit to its one step.
"""
_base_ = './efficientnet-lite0.py'
model = dict(type='AdversarialClassifier', attack=dict(kind='fgsm', eps=8 / 255, p=0.5, start='uniform'))
val_evaluator = [dict(type='Accuracy', topk=(1,)), dict(type='AttackedAccuracy')]
default_hooks = dict(checkpoint=dict(save_best='attacked/top1'))
