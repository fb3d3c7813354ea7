"""Full images.

Toy birds: ResNet-18 (He et al. 2016) at 64 px, from scratch. Command:  make classify DATASET=toy-birds
"""
_base_ = ['../../_base_/models/resnet18.py', '../../_base_/datasets/crops_64px.py',
          '../../_base_/schedules/classify_toy.py', '../../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:6'}}))
