"""EfficientNet-Lite0.

At 224 px, fine-tuned from ImageNet weights that set-up installs, for a CPU (Tan and Le 2019, arXiv 1905.11946).
"""
_base_ = ['../_base_/models/efficientnet-lite0.py', '../_base_/datasets/crops_224px.py',
          '../_base_/schedules/classify_laptop.py', '../_base_/runtime/classify.py']
model = dict(head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
