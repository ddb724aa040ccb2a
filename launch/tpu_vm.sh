#!/usr/bin/env bash
# Trains on a TPU with one host: creates it, sets it up, trains, downloads the run, and deletes the TPU.
#
#   launch/tpu_vm.sh --zone=ZONE [OPTIONS] -- --gin_file=gin/sagan_128.gin --run_dir=runs/sagan
#
# Everything after '--' is passed to `python -m sagan_tf.train` on the TPU VM; --run_dir is a folder below the
# checkout, both there and here. Images are read from gs:// (--data=tfds:NAME --data_dir=gs://BUCKET/tfds). A preempted
# TPU is deleted and created again, and training resumes from the copy of the run in the bucket. However this script
# ends, it deletes the TPU, or reports what still exists. Ctrl-C saves, downloads and deletes.
#
#   --zone=ZONE               the zone (required)
#   --name=NAME               name of the TPU (sagan-tf)
#   --project=PROJECT         (gcloud's own)
#   --accelerator_type=TYPE   (v3-8)
#   --version=VERSION         runtime of the TPU VM (tpu-ubuntu2204-base)
#   --spot                    cheaper, but may be preempted at any moment; needs --bucket
#   --bucket=gs://B[/FOLDER]  keeps a copy of the run in gs://B/FOLDER/RUN_DIR while it trains
#   --copy_every=SECONDS      interval between copies (600)
#   --poll=SECONDS            interval between checks of training (60)
#   --keep                    do not delete the TPU at the end
#   --attach                  follow the training that an earlier command started on this TPU
#   --restarts=N, --wait=SECONDS   after interruptions and preemptions together (100), first pause (10)
#   --dry_run                 print the commands without running them
#
# Its authors did not run it on a TPU; its commands are tested with a recorded gcloud.

# shellcheck disable=SC2317 # tpu_session.sh calls the functions below
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/tpu_session.sh
. launch/tpu_session.sh

ACCELERATOR_TYPE=v3-8
VERSION=tpu-ubuntu2204-base

create() {
  run gcloud compute tpus tpu-vm create "$NAME" "${PLACE[@]}" --accelerator-type="$ACCELERATOR_TYPE" \
    --version="$VERSION" "${MODEL[@]}"
}

state() {
  local answer
  if answer=$(gcloud compute tpus tpu-vm describe "$NAME" "${PLACE[@]}" --format='value(state)' 2>&1); then
    case $answer in
      *READY) echo ready ;;
      *PREEMPTED | *TERMINATED | *STOPPED | *DELETING) echo gone ;;
      *) echo waiting ;;
    esac
  elif [[ $answer == *NOT_FOUND* || $answer == *"not found"* ]]; then
    echo absent
  else
    echo unknown
  fi
}

delete() { run gcloud compute tpus tpu-vm delete "$NAME" "${PLACE[@]}" --quiet; }

while (($#)); do
  [[ $1 != -- ]] || break
  tpu_option "$0" "$1"
  shift
done
(($#)) || fail "training's arguments must follow '--'; received none. See $0 --help."
shift
check_options "$@"
session "$@"
