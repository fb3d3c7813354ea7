"""GANs count iterations; both networks are wrapped one by one on several GPUs; bfloat16 (docs/speed.md)."""
_base_ = './default.py'
default_scope = 'mmagic'
speed = dict(dtype='bfloat16')
log_processor = dict(by_epoch=False)
randomness = dict(diff_rank_seed=True)  # or every GPU draws the same noise
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel', broadcast_buffers=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000))
custom_hooks = [dict(type='LoaderSeedHook'), dict(type='SampleGridHook', interval=1000, columns=16),
                dict(type='CollapseHook', interval=5000, begin=20_000)]
