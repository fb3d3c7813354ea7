"""ResNet-50, CUDA graphs.

torch.compile of the backbone, launched as CUDA graphs: needs a GPU (docs/speed.md).
"""
_base_ = './resnet50.py'
speed = dict(compile=['backbone'], compile_mode='reduce-overhead')
