# The drawn sets: everything from scratch, minutes on a CPU.
DETECT    ?= faster-rcnn_r18_fpn
SYNTH     ?= biggan-deep_64px_1k
ROWS      ?= resnet18_64px@full resnet18_64px@box resnet18_64px@square resnet18_64px@square+$(SYNTH)
CROP_SIZE ?= 256
