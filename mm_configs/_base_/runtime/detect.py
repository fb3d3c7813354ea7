"""The epoch is chosen on val, by COCO AP. Batches have many shapes, and cudnn would time its kernels for each anew."""
_base_ = './default.py'
env_cfg = dict(cudnn_benchmark=False)
default_hooks = dict(checkpoint=dict(save_best='detect/AP', rule='greater'))
