"""ViT-B/16, layer-wise rates.

Each layer learns at 0.75 times the rate of the next one (Bao et al. 2022, arXiv 2106.08254).
"""
_base_ = './vit-base-p16.py'
optim_wrapper = dict(constructor='LearningRateDecayOptimWrapperConstructor',
                     paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.75, norm_decay_mult=0., bias_decay_mult=0.))
