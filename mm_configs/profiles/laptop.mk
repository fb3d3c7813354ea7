# A CPU and real photographs: small networks from ImageNet weights.
DETECT    ?= faster-rcnn_mobilenet-v2_fpn
SYNTH     ?= biggan-deep_64px
ROWS      ?= $(foreach images,full box square square+$(SYNTH),mobilenet-v2@$(images)) mobilenet-v2_scratch@square
CROP_SIZE ?= 256
