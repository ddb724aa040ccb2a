#!/usr/bin/env bash
# Trains on a TPU with several hosts, as a queued resource: requests it, waits for it, sets it up, trains, downloads
# the run, and deletes the TPU.
#
#   launch/tpu_pod.sh --zone=ZONE [OPTIONS] -- --gin_file=gin/biggan_128.gin --run_dir=runs/biggan
#
# Everything after '--' is passed to `python -m sagan_tf.train` on the pod's first host, which controls the others;
# --run_dir is a folder below the checkout, both there and here. Images must be on gs://, which every host reads. A
# queued resource that was suspended (its TPUs were preempted) is deleted and created again, and training resumes from
# the copy of the run in the bucket. However this script ends, it deletes the TPU, or reports what still exists.
# Ctrl-C saves, downloads and deletes.
#
#   --zone=ZONE               the zone (required)
#   --name=NAME               name of the TPU and of its queued resource (sagan-tf)
#   --project=PROJECT         (gcloud's own)
#   --accelerator_type=TYPE   (v3-128)
#   --version=VERSION         runtime of its hosts, whose TensorFlow must be the version that is installed
#                             (tpu-vm-tf-2.19.1-pod-pjrt); gcloud compute tpus versions list --zone=ZONE lists all
#   --spot                    cheaper, but may be preempted at any moment; needs --bucket
#   --bucket=gs://B[/FOLDER]  keeps a copy of the run in gs://B/FOLDER/RUN_DIR while it trains
#   --copy_every=SECONDS      interval between copies (600)
#   --poll=SECONDS            interval between checks of the queue and of training (60)
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

ACCELERATOR_TYPE=v3-128
VERSION=tpu-vm-tf-2.19.1-pod-pjrt
POD=true

create() {
  run gcloud compute tpus queued-resources create "$NAME" "${PLACE[@]}" --node-id="$NAME" \
    --accelerator-type="$ACCELERATOR_TYPE" --runtime-version="$VERSION" "${MODEL[@]}" || return
  $DRY_RUN || wait_in_queue
}

wait_in_queue() {
  local now before=
  while true; do
    now=$(state)
    case $now in
      ready) return 0 ;;
      gone) say "The queued resource $NAME is $now." && delete && return 1 ;;
      absent) say "The queued resource $NAME is $now." && return 1 ;;
    esac
    [[ $now == "$before" ]] || say "$(date +%H:%M) The queued resource $NAME is $now."
    before=$now
    pause "$POLL"
  done
}

state() {
  local answer
  if answer=$(gcloud compute tpus queued-resources describe "$NAME" "${PLACE[@]}" --format='value(state.state)' 2>&1); then
    case $answer in
      *ACTIVE) echo ready ;;
      *SUSPENDED | *SUSPENDING | *FAILED | *DELETING) echo gone ;;
      *) echo waiting ;;
    esac
  elif [[ $answer == *NOT_FOUND* || $answer == *"not found"* ]]; then
    echo absent
  else
    echo unknown
  fi
}

delete() { run gcloud compute tpus queued-resources delete "$NAME" "${PLACE[@]}" --force --quiet; }

while (($#)); do
  [[ $1 != -- ]] || break
  tpu_option "$0" "$1"
  shift
done
(($#)) || fail "training's arguments must follow '--'; received none. See $0 --help."
shift
check_options "$@"
session "$@"
