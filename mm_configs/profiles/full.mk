# GPUs, full size.
DETECT    ?= faster-rcnn_r101_fpn
SYNTH     ?= biggan-deep_256px
ROWS      ?= $(foreach images,full box square square+$(SYNTH),resnet50@$(images)) resnet50_scratch@square
CROP_SIZE ?= 512
