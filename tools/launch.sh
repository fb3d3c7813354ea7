# Sourced by dist_train.sh and dist_test.sh: launch TOOL CONFIG GPUS [arguments], on torchrun.
#
# The nodes meet at MASTER_ADDR:PORT (c10d, which restarts all of them together). One node alone takes a free port.
launch() {
    local root tool=$1 config=$2 gpus=$3 nodes=${NNODES:-1} rank=${NODE_RANK:-0} rendezvous
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    shift 3
    local python=${VIRTUAL_ENV:-$root/.venv}/bin/python command=("$root/tools/$tool" "$config" "$@")
    if [ "$nodes" = 1 ] && [ -z "${PORT:-}" ]; then
        rendezvous=(--standalone)
    else
        rendezvous=(--nnodes "$nodes" --rdzv-backend c10d --rdzv-endpoint "${MASTER_ADDR:-127.0.0.1}:${PORT:-29500}"
                    --rdzv-conf "is_host=$((rank == 0))")
    fi
    # What the user can mend is said once, by one process, and not restarted.
    WORLD_SIZE=$((nodes * gpus)) LOCAL_WORLD_SIZE=$gpus "$python" "${command[@]}" --check || exit
    # Or restarted processes meet at the addresses of those that died: github.com/pytorch/pytorch/issues/135712.
    export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
    exec "$python" -m torch.distributed.run "${rendezvous[@]}" --nproc-per-node "$gpus" \
        --max-restarts "${RESTARTS:-3}" "${command[@]}"
}
