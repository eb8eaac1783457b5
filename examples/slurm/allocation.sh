#!/bin/bash
# A study in one allocation: the head and the driver on its first node, a worker on each node.
# For those who get all their nodes at once; submit it again to go on. docs/slurm.md
#SBATCH --job-name=study --dependency=singleton --no-kill
#SBATCH --nodes=8 --ntasks-per-node=1 --cpus-per-task=4 --mem=8G --time=24:00:00
#SBATCH --signal=B:TERM@60

# Settings, as head.sh's; what is set outside wins.
export OUT=${OUT:-runs/a}
SCRIPTS=${SCRIPTS:-examples/slurm}             # the folder of head.sh and worker.sh

mkdir -p "$(dirname "$OUT")"
srun --no-kill --cpus-per-task="$SLURM_CPUS_PER_TASK" bash "$SCRIPTS/worker.sh" \
    >"$OUT.workers.log" 2>&1 &
workers=$!
bash "$SCRIPTS/head.sh" &
head=$!
trap 'kill -TERM $head' TERM
wait $head; status=$?
[ $status != 143 ] || { wait $head; status=$?; }
kill $workers; wait $workers
exit $status
