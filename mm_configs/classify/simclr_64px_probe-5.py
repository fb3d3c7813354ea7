"""SimCLR at 64 px, linear probe, 5 labels per class.

Which images have one is drawn by the seed.
"""
_base_ = './simclr_64px_probe.py'
compared_with = 'simclr_64px_probe'
train_dataloader = dict(sampler=dict(_delete_=True, type='FewLabelsSampler', per_class=5))
