#!/usr/bin/env bash
# Trains on all GPUs of this machine together, and restarts after an interruption.
#
#   launch/gpu.sh [OPTIONS] -- --gin_file=gin/sagan_128.gin --run_dir=RUN
#
# Everything after '--' is passed to `python -m sagan_tf.train`. If necessary, .venv is set up with the GPU packages.
# The script checks that TensorFlow can see the GPUs. Ctrl-C or SIGTERM saves and ends; repeat the command to resume.
#
#   --gpus=0,1       which GPUs, as nvidia-smi numbers them (all)
#   --python=PATH    a Python that has the packages; nothing is then set up (.venv/bin/python)
#   --restarts=N     how often to restart when training ends with exit code 75 (100)
#   --wait=SECONDS   pause before the first restart, doubled each time up to ten minutes (10)
#   --dry_run        print the commands without running them
#
# Its authors did not run it on a GPU; its commands are tested.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/running.sh
. launch/running.sh

GPUS=
while (($#)); do
  case $1 in
    --gpus=*) GPUS=${1#*=} ;;
    --) break ;;
    *) common_option "$0" "$1" ;;
  esac
  shift
done
(($#)) || fail "training's arguments must follow '--'; received none. See $0 --help."
shift
run_directory "$@" >/dev/null

if [[ -n $GPUS ]]; then
  [[ $GPUS =~ ^[0-9]+(,[0-9]+)*$ ]] || fail "--gpus must be numbers with commas between; received --gpus=$GPUS."
  export CUDA_VISIBLE_DEVICES=$GPUS
  $DRY_RUN && echo "export CUDA_VISIBLE_DEVICES=$GPUS"
fi
numbers=${GPUS//[^,]/}
[[ $PYTHON != .venv/bin/python ]] || run launch/set_up.sh gpu
run "$PYTHON" launch/devices.py GPU $((${#numbers} + 1))
if $DRY_RUN; then
  run "$PYTHON" -m sagan_tf.train "$@"
else
  restart_while_interrupted attempt setsid "$PYTHON" -m sagan_tf.train "$@"
fi
