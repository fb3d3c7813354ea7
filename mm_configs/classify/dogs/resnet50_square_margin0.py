"""Square crops, margin 0 %.

Instead of 10 %. Cut them first, with D=work_dirs/dogs:
python -m pipelines.crop --coco $D/convert --detections $D/detect/detections.json --size 512
   --margin 0.0 --out $D/crop_margin0
Expected: not measured here.
"""
_base_ = './resnet50_square.py'
compared_with = 'resnet50_square'
train_dataloader, val_dataloader, test_dataloader = [dict(dataset=dict(
    ann_file=f'crop_margin0/square_{split}.json', data_prefix='crop_margin0'))
    for split in ('train', 'val', 'test')]
