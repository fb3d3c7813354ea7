# A CPU and real photographs: small networks from ImageNet weights that set-up installs.
DETECT    ?= faster-rcnn_efficientnet-lite0_fpn
SYNTH     ?= recombination
ROWS      ?= efficientnet-lite0@full efficientnet-lite0@box efficientnet-lite0@square \
             $(addprefix efficientnet-lite0@square+,$(notdir $(basename $(SYNTH)))) efficientnet-lite0_scratch@square
ABLATIONS ?= efficientnet-lite0@full efficientnet-lite0_grey@full efficientnet-lite0_no-flip@full efficientnet-lite0_squash@full \
             efficientnet-lite0_scratch@full efficientnet-lite0_constant@full efficientnet-lite0_ema@full \
             efficientnet-lite0_mirrored@full
CROP_SIZE ?= 256
