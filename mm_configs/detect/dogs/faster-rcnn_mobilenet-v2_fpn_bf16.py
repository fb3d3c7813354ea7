"""Stanford Dogs: bfloat16 autocast instead of float32, for CPUs that have it (docs/speed.md). An ablation."""
_base_ = './faster-rcnn_mobilenet-v2_fpn.py'
speed = dict(dtype='bfloat16')
