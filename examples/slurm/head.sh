#!/bin/bash
# The head of a study on Slurm: a Ray head, which trains nothing, and the driver. docs/slurm.md
#
#   head=$(sbatch --parsable head.sh)                   # once for each time limit that it may need:
#   sbatch head.sh; sbatch head.sh                      # one runs at a time, each resumes the last
#   sbatch --dependency=after:$head worker.sh           # the workers
#
# The driver is stopped a minute before the time limit, so that the next job finds all in order.
#SBATCH --job-name=study --dependency=singleton
#SBATCH --ntasks=1 --cpus-per-task=1 --mem=4G --time=24:00:00
#SBATCH --signal=B:TERM@60

# Settings; what is set outside wins: OUT=runs/b STUDY="spirals --seed 1" sbatch head.sh
OUT=${OUT:-runs/a}                             # on a file system that all nodes share
STUDY=${STUDY:-"mnist --seed 0"}               # what stands after `jaxmeta tune`
OPTIONS=${OPTIONS:-}                           # more for `tune` and `resume`, --scratch DIR for one
VENV=${VENV:-.venv}                            # jaxmeta[ray] is installed there

set -u
. "$VENV/bin/activate"
mkdir -p "$(dirname "$OUT")"

# Who joins must know the study's token, a file that its owner alone can read.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$OUT.token" RAY_USAGE_STATS_ENABLED=0
[ -s "$OUT.token" ] || (umask 077; head -c 32 /dev/urandom | sha256sum | cut -c 1-64 >"$OUT.token")

ip=$(getent ahostsv4 "$SLURMD_NODENAME" | awk 'NR == 1 { print $1 }')
export RAY_ADDRESS=$ip:$((20000 + SLURM_JOB_ID % 10000))
# Without the dashboard and the autoscaler's monitor, whose ports ask for no token.
ray start --head --node-ip-address="$ip" --port="${RAY_ADDRESS#*:}" --num-cpus=0 \
    --include-dashboard=false --no-monitor --block >"$OUT.ray.log" 2>&1 &
ray=$!
until ray health-check --address "$RAY_ADDRESS" >/dev/null 2>&1; do
    kill -0 $ray 2>/dev/null || { echo "Ray did not start; see $OUT.ray.log"; exit 1; }
    sleep 1
done
echo "$RAY_ADDRESS" >"$OUT.address"

if [ "$(cat "$OUT"/{,*/,*/*/}journal.jsonl 2>/dev/null | wc -l)" -gt 0 ]; then
    jaxmeta resume "$OUT" --engine ray $OPTIONS &
else
    jaxmeta tune $STUDY --out "$OUT" --engine ray $OPTIONS &
fi
study=$!
trap 'kill -TERM $study' TERM
wait $study; status=$?
[ $status != 143 ] || { wait $study; status=$?; }  # it was told to stop, and does so in a moment

if [ $status = 0 ]; then  # all is done: no worker and no further job is needed
    echo ended >"$OUT.address"
    scancel --user="$(id -un)" --name="$SLURM_JOB_NAME" --state=PENDING
fi
kill $ray; wait $ray
[ $status != 130 ] || exit 0  # stopped, as was to be expected
exit $status
