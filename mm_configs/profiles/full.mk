# GPUs, full size.
DETECT    ?= faster-rcnn_r101_fpn
SYNTH     ?= biggan-deep_256px
ROWS      ?= resnet50@full resnet50@box resnet50@square \
             $(addprefix resnet50@square+,$(notdir $(basename $(SYNTH)))) resnet50_scratch@square
ABLATIONS ?= resnet50@full resnet50_no-grey@full resnet50_no-flip@full resnet50_squash@full resnet50_scratch@full \
             resnet50_constant@full resnet50_ema@full resnet50_mirrored@full
CROP_SIZE ?= 512
