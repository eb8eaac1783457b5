#!/bin/bash
# Workers for the study whose head is head.sh: one node each, as many as --array says; they join
# when they start and may end whenever they like. docs/slurm.md
#
#   sbatch --dependency=after:$head worker.sh           # after the head has started
#
# GPUs: #SBATCH --gpus-per-task=1 here, and OPTIONS="--gpus-per-worker 1" for head.sh
# (untested).
#SBATCH --job-name=workers --array=1-8
#SBATCH --ntasks=1 --cpus-per-task=4 --mem=8G --time=24:00:00

# Settings, the same as head.sh's; what is set outside wins.
OUT=${OUT:-runs/a}
VENV=${VENV:-.venv}
PATIENCE=${PATIENCE:-600}                      # seconds to wait for a head before the job ends

set -u
. "$VENV/bin/activate"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$OUT.token" RAY_USAGE_STATS_ENABLED=0
export RAY_gcs_rpc_server_reconnect_timeout_s=10  # leave a head that has gone, and join the next

ip=$(getent ahostsv4 "$SLURMD_NODENAME" | awk 'NR == 1 { print $1 }')
SECONDS=0  # bash counts them; since the last head
while [ $SECONDS -lt "$PATIENCE" ]; do
    address=$(cat "$OUT.address" 2>/dev/null)
    [ "$address" = ended ] && exit 0
    if [ -n "$address" ] && ray health-check --address "$address" >/dev/null 2>&1; then
        ray start --address="$address" --node-ip-address="$ip" \
            --num-cpus="$SLURM_CPUS_PER_TASK" --block
        SECONDS=0
    fi
    sleep 2
done
echo "no head for $PATIENCE seconds"
