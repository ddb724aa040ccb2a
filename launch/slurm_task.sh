#!/usr/bin/env bash
# One task of a Slurm job step: launch/slurm_task.sh FOLDER COMMAND..., started by slurm.sbatch. Runs the command and
# leaves its exit code in FOLDER/RANK, since srun only returns the highest code of all tasks.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/running.sh
. launch/running.sh

codes=$1
shift
code=0
attempt setsid "$@" || code=$? # in a session of its own, so that a signal reaches it once, through us
echo "$code" >"$codes/${SLURM_PROCID:-0}" || true
exit "$code"
