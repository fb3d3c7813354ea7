"""Square crops of train, at 256 px: the only images a generator may see."""
data_root = '{{$FGIC_DATA_ROOT:work_dirs/dogs/crop}}'

train_pipeline = [
    dict(type='LoadImageFromFile', key='gt'),
    dict(type='FitCrop', size=256),
    dict(type='Flip', keys='gt', flip_ratio=0.5, direction='horizontal'),
    dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=64, num_workers=16, persistent_workers=True, pin_memory=True, drop_last=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='CropList', data_root=data_root, ann_file='square_train.json',
                 data_prefix=dict(img_path=''), pipeline=train_pipeline))
