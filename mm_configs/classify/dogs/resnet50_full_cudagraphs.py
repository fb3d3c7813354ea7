"""Full images, CUDA graphs.

torch.compile of the backbone, launched as CUDA graphs: needs a GPU. Expected: the same; not measured (docs/speed.md).
"""
_base_ = './resnet50_full.py'
speed = dict(compile=['backbone'], compile_mode='reduce-overhead')
