"""BigGAN-deep (Brock et al. 2019) at 64 px with DiffAugment (Zhao et al. 2020), for a CPU.

Expected: no published figure at this size; ours are in docs/benchmarks.md.
Command:  make synth DATASET=toy-birds PROFILE=laptop
"""
_base_ = ['../../_base_/models/biggan-deep_64px.py', '../../_base_/datasets/crops_gan_64px.py',
          '../../_base_/schedules/gan_laptop.py', '../../_base_/runtime/synth_laptop.py']
model = dict(num_classes={{'$FGIC_NUM_CLASSES:6'}})
train_cfg = dict(max_iters=1000)
