#!/usr/bin/env bash
# Train one config on several GPUs of one or more nodes: tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
#   tools/dist_train.sh mm_configs/detect/faster-rcnn_r101_fpn.py 8 --dataset cub
#   NNODES=4 NODE_RANK=0 MASTER_ADDR=node0 PORT=29500 tools/dist_train.sh CONFIG 8 --dataset cub      # the same on each node, ranks 0 to 3
#
# The learning rate is scaled to the real total batch where the config has auto_scale_lr. When a process dies, all start
# again from the last checkpoint, RESTARTS times (3). More: docs/distributed.md.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
source "$(dirname "$0")/launch.sh"
launch train.py "$@"
