#!/usr/bin/env bash
# The commands that tpu_vm.sh and tpu_pod.sh run on the TPU VM itself, in the checkout that they copied there:
#
#   launch/on_tpu_vm.sh set_up                               installs the pinned packages
#   launch/on_tpu_vm.sh verify                               checks that the TPU is seen and computes sums correctly
#   launch/on_tpu_vm.sh start BUCKET EVERY -- ARGUMENTS      starts training, detached; copies its run to BUCKET/RUN_DIR
#                                                            every EVERY seconds
#   launch/on_tpu_vm.sh status                               prints "running LAST LINE", or "exit CODE"
#   launch/on_tpu_vm.sh has RUN_DIR                          prints "yes" or "no": whether that folder is there
#   launch/on_tpu_vm.sh stop                                 asks training to save and exit, and waits for it
#
# BUCKET may be empty (''). TPU_NAME names the pod that this VM belongs to; it is unset where the TPU is this VM's own.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/running.sh
. launch/running.sh

STATE=.launch
ACTION=$1
shift
mkdir -p "$STATE"

environment() {
  export TF_USE_LEGACY_KERAS=1
  if [[ -n ${TPU_NAME-} ]]; then
    export TPU_LOAD_LIBRARY=0 # the pod's servers hold the TPU; this process only tells them what to do
  else
    export NEXT_PLUGGABLE_DEVICE_USE_C_API=true
    TF_PLUGGABLE_DEVICE_LIBRARY_PATH=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/libtpu/libtpu.so
    export TF_PLUGGABLE_DEVICE_LIBRARY_PATH
  fi
}

copy() { # FROM TO: the run's directory, without what the other side has too many of
  gcloud storage rsync --recursive --delete-unmatched-destination-objects "$1" "$2"
}

# The same to the bucket, where nothing is deleted before everything is copied: the machine may be taken away at any
# moment, and a copy without the former checkpoints and without the whole of a new one would be lost.
upload() { # RUN BUCKET_FOLDER
  gcloud storage rsync --recursive "$1" "$2" && copy "$1" "$2"
}

# The run that an earlier TPU VM left in the bucket, whole or not at all: a part of it, or a new run in its place, would
# later be copied over it. Fails if the bucket does not answer.
restore() { # BUCKET RUN
  local answer tries
  for tries in 1 2 3 4 5; do
    if answer=$(gcloud storage ls "$1/$2/" 2>&1); then
      mkdir -p "$2.part" && copy "$1/$2" "$2.part" && mv "$2.part" "$2" && return
    elif [[ $answer == *"matched no objects"* ]]; then
      return
    fi
    say "$1/$2 could not be read (try $tries of 5). $answer"
    sleep "$WAIT"
  done
  return 1
}

ended() { # CODE
  echo "$1" >"$STATE/exit_code.new"
  mv "$STATE/exit_code.new" "$STATE/exit_code"
}

train() { # BUCKET EVERY -- ARGUMENTS...
  local bucket=$1 every=$2 run code=0 copier=
  shift 3
  run=$(run_directory "$@")
  if [[ -n $bucket ]]; then
    if [[ ! -d $run ]] && ! restore "$bucket" "$run"; then
      ended 2
      return
    fi
    set -m # a process group of its own, which can be ended with whatever it runs
    while sleep "$every"; do [[ ! -d $run ]] || upload "$run" "$bucket/$run" || true; done &
    copier=$!
    set +m
  fi
  attempt "$PYTHON" -m sagan_tf.train --strategy=tpu "$@" || code=$?
  if [[ -n $bucket ]]; then
    # A copy that goes on would delete from the bucket what this last one adds.
    kill -- "-$copier" 2>/dev/null || true
    wait "$copier" 2>/dev/null || true
    [[ ! -d $run ]] || upload "$run" "$bucket/$run" || say "The run could not be copied to $bucket/$run."
  fi
  ended "$code"
}

running() { [[ -f $STATE/pid ]] && kill -0 "$(<"$STATE/pid")" 2>/dev/null; }

case $ACTION in
  set_up)
    python3 -c 'import ensurepip' 2>/dev/null || sudo apt-get install --yes python3-venv
    launch/set_up.sh tpu
    ;;
  verify)
    environment
    PYTHONPATH=. "$PYTHON" launch/devices.py TPU
    ;;
  start)
    running && fail "one training at a time may run here; found process $(<"$STATE/pid"). Use --attach to follow it."
    rm -f "$STATE/exit_code"
    nohup setsid launch/on_tpu_vm.sh train "$@" >"$STATE/train.log" 2>&1 </dev/null &
    echo $! >"$STATE/pid"
    ;;
  train)
    environment
    train "$@"
    ;;
  status)
    if [[ -f $STATE/exit_code ]]; then
      echo "exit $(<"$STATE/exit_code")"
    elif running; then
      echo "running $(tr '\r' '\n' <"$STATE/train.log" | tail -n 1)"
    else
      echo "exit $INTERRUPTED" # the machine was restarted under it
    fi
    ;;
  has)
    if [[ -d $1 ]]; then echo yes; else echo no; fi
    ;;
  stop)
    running && kill -TERM "$(<"$STATE/pid")"
    for ((i = 0; i < 300; i++)); do
      running || exit 0
      sleep 1
    done
    fail "training must leave within 300 s of being asked to; it still runs."
    ;;
  *) fail "the action must be set_up, verify, start, status, has or stop; received $ACTION." ;;
esac
