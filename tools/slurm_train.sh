#!/usr/bin/env bash
# Train one config under Slurm: tools/slurm_train.sh PARTITION CONFIG GPUS [arguments of tools/train.py]
#
#   GPUS_PER_NODE=8 tools/slurm_train.sh gpu mm_configs/detect/faster-rcnn_r101_fpn.py 32 --dataset cub
#
# One torchrun per node (tools/dist_train.sh); SRUN_ARGS goes to srun. Jobs that share a node get other ports.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
partition=$1 config=$2 gpus=$3
shift 3
per_node=${GPUS_PER_NODE:-8}
[ "$gpus" -lt "$per_node" ] && per_node=$gpus
[ $((gpus % per_node)) = 0 ] || { echo "GPUS: expected a multiple of $per_node (GPUS_PER_NODE), found $gpus" >&2; exit 2; }
nodes=$((gpus / per_node))
# shellcheck disable=SC2016,SC2086
exec srun --partition "$partition" --nodes "$nodes" --ntasks-per-node 1 --gres "gpu:$per_node" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    bash -c 'NNODES=$SLURM_NNODES NODE_RANK=$SLURM_NODEID PORT=${PORT:-$((20000 + SLURM_JOB_ID % 10000))} \
        MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1) "$@"' \
    _ "$(dirname "$0")/dist_train.sh" "$config" "$per_node" "$@"
