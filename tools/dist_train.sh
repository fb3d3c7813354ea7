#!/usr/bin/env bash
# Train one config on several GPUs of one or more nodes: tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
#   tools/dist_train.sh mm_configs/detect/cub/faster-rcnn_r101_fpn.py 8
#   NNODES=4 NODE_RANK=0 MASTER_ADDR=node0 PORT=29500 tools/dist_train.sh CONFIG 8      # the same on each node, ranks 0 to 3
#
# The learning rate is scaled to the real total batch where the config has auto_scale_lr.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
config=$1 gpus=$2
shift 2
python=${VIRTUAL_ENV:-$root/.venv}/bin/python
nodes=${NNODES:-1}
if [ "$nodes" = 1 ] && [ -z "${PORT:-}" ]; then
    rendezvous=(--standalone)
else
    rendezvous=(--nnodes "$nodes" --node-rank "${NODE_RANK:-0}" --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}")
fi
exec "$python" -m torch.distributed.run "${rendezvous[@]}" --nproc-per-node "$gpus" "$root/tools/train.py" "$config" "$@"
