# GPUs, full size.
DETECT    ?= faster-rcnn_r101_fpn
SYNTH     ?= biggan-deep_256px
ROWS      ?= resnet50@full resnet50@box resnet50@square resnet50@square+$(SYNTH) resnet50_scratch@square
CROP_SIZE ?= 512
