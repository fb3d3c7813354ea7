"""Images and boxes of the convert stage; one super-class (dog, bird) unless a config says otherwise.

At most so many workers: fewer where a process has fewer CPUs (docs/speed.md).
"""
data_root = '{{$FGIC_DATA_ROOT:work_dirs/dogs/convert}}'
class_agnostic = True
scale = (1333, 800)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs')]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]

train_dataloader = dict(
    batch_size=2, num_workers=16, persistent_workers=True, pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(type='FineGrainedCoco', class_agnostic=class_agnostic, data_root=data_root, ann_file='train.json',
                 data_prefix=dict(img='images/'), filter_cfg=dict(filter_empty_gt=True), pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8, num_workers=16, persistent_workers=True, pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='FineGrainedCoco', class_agnostic=class_agnostic, data_root=data_root, ann_file='val.json',
                 data_prefix=dict(img='images/'), test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='LocalisationMetric', ann_file=data_root + '/val.json', class_agnostic=class_agnostic)
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
