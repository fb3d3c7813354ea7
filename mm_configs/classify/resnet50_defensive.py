"""ResNet-50, defensively distilled.

Papernot et al. 2016 (arXiv 1511.04508): it learns the answers of its like at a temperature of 20, and is used at 1.
"""
_base_ = './resnet50.py'
model = dict(type='DistilledClassifier', teacher='model://resnet50_tempered', alpha=1., temperature=20.)
