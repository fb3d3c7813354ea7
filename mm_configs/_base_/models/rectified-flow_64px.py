"""Class-conditional rectified flow (Liu et al. 2022, arXiv 2209.03003) at 64 px, for two CPU cores.

3.2 M parameters, 0.34 G multiply-adds; squares of 2 x 2 pixels are folded into channels. What is trained is float32,
what is drawn are the averaged weights (EMAHook), by 12 steps of Heun's method, guided towards the class.
"""
model = dict(
    type='RectifiedFlow',
    data_preprocessor=dict(type='DataPreprocessor'),
    generator=dict(type='FlowUNet', output_scale=64, patch=2, channels=[48, 96, 192], blocks=[1, 1, 1],
                   attention=[16, 8], dropout=0.05),
    hidden=0.1, augmented=0.3)
sampling = dict(type='Flow', dtype='float32', steps=12, guidance=1.5)
