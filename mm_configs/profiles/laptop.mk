# A CPU and real photographs: small networks from ImageNet weights that set-up installs.
DETECT    ?= faster-rcnn_efficientnet-lite0_fpn
SYNTH     ?= biggan-deep_64px
ROWS      ?= efficientnet-lite0@full efficientnet-lite0@box efficientnet-lite0@square \
             efficientnet-lite0@square+$(SYNTH) efficientnet-lite0_scratch@square
CROP_SIZE ?= 256
