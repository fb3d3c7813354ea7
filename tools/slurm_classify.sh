#!/usr/bin/env bash
# Train rows x seeds under Slurm, a job of an array for each, then make the table:
# tools/slurm_classify.sh PARTITION DATA --rows ... [arguments of python -m pipelines.classify]
#
#   tools/slurm_classify.sh gpu work_dirs/dogs --rows resnet50@full resnet50@square --seeds 0 1 2
#
# GRES (gpu:1) is what each job asks for, empty: CPUs alone; AT_ONCE limits the jobs that run; SBATCH_ARGS goes to sbatch.
# A job that is preempted or killed is queued again and goes on from its last checkpoint. The same command trains what
# is missing.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
partition=$1 data=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
command=("${VIRTUAL_ENV:-$root/.venv}/bin/python" -m pipelines.classify --data "$data" --out "$data/classify" "$@")
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
runs=$("${command[@]}" --list | wc -l)
# shellcheck disable=SC2206
options=(--parsable --partition "$partition" ${SBATCH_ARGS:-})
gres=${GRES-gpu:1}
# shellcheck disable=SC2016
array=$(sbatch "${options[@]}" ${gres:+--gres "$gres"} --array "0-$((runs - 1))${AT_ONCE:+%$AT_ONCE}" --requeue \
    --job-name classify --wrap "exec $(printf '%q ' "${command[@]}")--only \$SLURM_ARRAY_TASK_ID")
table=$(sbatch "${options[@]}" --dependency "afterok:${array%%;*}" --kill-on-invalid-dep yes --job-name table \
    --wrap "exec $(printf '%q ' "${command[@]}")--jobs 1")
echo "$runs runs: job ${array%%;*}; then $data/classify/table.txt: job ${table%%;*}"
