"""A flow counts iterations; its weights are averaged over the last of them, which is what is drawn with; bfloat16 where
the machine computes in it."""
_base_ = './default.py'
default_scope = 'mmagic'
speed = dict(dtype='auto')
log_processor = dict(by_epoch=False)
randomness = dict(diff_rank_seed=True)  # or every GPU draws the same noise
model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000))
custom_hooks = [dict(type='LoaderSeedHook'), dict(type='FlowGridHook', interval=1000, columns=16),
                dict(type='mmengine.EMAHook', ema_type='mmengine.MomentumAnnealingEMA', momentum=0.0005, gamma=10),
                dict(type='CollapseHook', interval=10_000, begin=30_000)]
