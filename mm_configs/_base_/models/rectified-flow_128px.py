"""Class-conditional rectified flow (Liu et al. 2022, arXiv 2209.03003) at 128 px, for a GPU.

As rectified-flow_64px.py with a level more, wider and with two blocks a level; sampled with 25 steps of Heun's method.
"""
model = dict(
    type='RectifiedFlow',
    data_preprocessor=dict(type='DataPreprocessor'),
    generator=dict(type='FlowUNet', output_scale=128, patch=2, channels=[128, 256, 384, 512], blocks=[2, 2, 2, 2],
                   attention=[16, 8], dropout=0.1),
    hidden=0.1, augmented=0.3)
sampling = dict(type='Flow', dtype='bfloat16', steps=25, guidance=1.5)
