#!/usr/bin/env bash
# Evaluate a trained config on several GPUs of one or more nodes: tools/dist_test.sh CONFIG GPUS [arguments of tools/test.py]
#
#   tools/dist_test.sh mm_configs/detect/faster-rcnn_r101_fpn.py 8 --dataset cub
#   NNODES=4 NODE_RANK=0 MASTER_ADDR=node0 PORT=29500 tools/dist_test.sh CONFIG 8       # the same on each node, ranks 0 to 3
#
# Every image is evaluated once, whatever the number of GPUs. More: docs/distributed.md.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
source "$(dirname "$0")/launch.sh"
RESTARTS=${RESTARTS:-0} launch test.py "$@"
