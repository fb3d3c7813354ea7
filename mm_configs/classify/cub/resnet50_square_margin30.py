"""Square crops, margin 30 %.

Instead of 10 %. Cut them first, with D=work_dirs/cub:
python -m pipelines.crop --coco $D/convert --detections $D/detect/detections.json --size 512
   --margin 0.3 --out $D/crop_margin30
Expected: not measured here.
"""
_base_ = './resnet50_square.py'
compared_with = 'resnet50_square'
train_dataloader, val_dataloader, test_dataloader = [dict(dataset=dict(
    ann_file=f'crop_margin30/square_{split}.json', data_prefix='crop_margin30'))
    for split in ('train', 'val', 'test')]
