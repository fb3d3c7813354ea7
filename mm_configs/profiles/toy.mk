# The drawn sets: minutes on a CPU. The detector starts from ImageNet weights that set-up installs, all else from scratch.
DETECT    ?= faster-rcnn_efficientnet-lite0_fpn_160px
SYNTH     ?= biggan-deep_64px_400it
ROWS      ?= resnet18_64px@full resnet18_64px@box resnet18_64px@square resnet18_64px@square+$(SYNTH)
ABLATIONS ?= resnet18_64px@full resnet18_64px_no-flip@full resnet18_64px_constant@full
CROP_SIZE ?= 256
