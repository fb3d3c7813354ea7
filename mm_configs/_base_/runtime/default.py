"""What every training shares. Hooks that write metrics.jsonl and the progress bar are added by the stages."""
speed = dict(dtype='float32', channels_last=True, compile=[], compile_mode='default')  # docs/speed.md
default_hooks = dict(
    runtime_info=dict(type='mmengine.UnhurriedInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='mmengine.SafeCheckpointHook', interval=1, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'))
env_cfg = dict(cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
