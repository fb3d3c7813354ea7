# The drawn sets: minutes on a CPU. The detector starts from ImageNet weights that set-up installs, all else from scratch.
DETECT    ?= faster-rcnn_efficientnet-lite0_fpn_160px
SYNTH     ?= recombination biggan-deep_64px_400it
ROWS      ?= resnet18_64px@full resnet18_64px@box resnet18_64px@square \
             $(addprefix resnet18_64px@square+,$(notdir $(basename $(SYNTH))))
ABLATIONS ?= resnet18_64px@full resnet18_64px_no-flip@full resnet18_64px_constant@full
CROP_SIZE ?= 256
