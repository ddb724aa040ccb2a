# shellcheck shell=bash disable=SC2034,SC2317
# Sourced by tpu_vm.sh and tpu_pod.sh: a TPU from its creation to its deletion, with training in between.
#
# The script that sources it defines how its TPU is created, examined and deleted, in three functions:
#   create         creates it and waits until it can be used
#   state          prints ready, waiting, gone, absent, or unknown if the request failed
#   delete         deletes it

# shellcheck source=launch/running.sh
. launch/running.sh

NAME=sagan-tf
ZONE=
PROJECT=
BUCKET=
SPOT=false
KEEP=false
ATTACH=false
POLL=60
COPY_EVERY=600
POD=false
MODEL=()
GONE=100   # what follow returns when the TPU was taken away
FAILED=101 # what train notes when set-up or start failed
OURS=false # whether there may be something that costs money
READY=false
WAS_READY=false

tpu_option() { # SCRIPT OPTION
  case $2 in
    --name=*) NAME=${2#*=} ;;
    --zone=*) ZONE=${2#*=} ;;
    --project=*) PROJECT=${2#*=} ;;
    --accelerator_type=*) ACCELERATOR_TYPE=${2#*=} ;;
    --version=*) VERSION=${2#*=} ;;
    --bucket=*) BUCKET=${2#*=} ;;
    --spot) SPOT=true ;;
    --keep) KEEP=true ;;
    --attach) ATTACH=true ;;
    --poll=*) POLL=$(whole_number poll "${2#*=}") ;;
    --copy_every=*) COPY_EVERY=$(whole_number copy_every "${2#*=}") ;;
    *) common_option "$1" "$2" ;;
  esac
}

check_options() { # TRAIN_ARGUMENTS...
  RUN=$(run_directory "$@")
  # Training expands "~", so that the run would lie in the home folder there, from which nothing is copied.
  [[ $RUN != [/~]* && $RUN != *..* && $RUN != . ]] ||
    fail "--run_dir must be below the checkout, which has another path on the TPU VM; received --run_dir=$RUN. Try runs/NAME."
  [[ -n $ZONE ]] || fail "the TPU's zone must be named; received no --zone. See: gcloud compute tpus locations list"
  [[ $NAME =~ ^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$ ]] ||
    fail "--name must be lower-case letters, digits and hyphens; received --name=$NAME."
  [[ -z $BUCKET || $BUCKET == gs://* ]] || fail "--bucket must be gs://BUCKET[/FOLDER]; received --bucket=$BUCKET."
  ! $SPOT || [[ -n $BUCKET ]] ||
    fail "--spot must go with --bucket, for a preempted TPU VM takes its disk with it; received none. Add --bucket=gs://B."
  BUCKET=${BUCKET%/}
  ! $SPOT || MODEL=(--spot)
  PLACE=(--zone="$ZONE" ${PROJECT:+--project="$PROJECT"})
}

on_vm() { # WORKER COMMAND...
  local worker=$1 prefix="cd sagan_tf && "
  shift
  $POD && prefix+="TPU_NAME=$NAME "
  run gcloud compute tpus tpu-vm ssh "$NAME" "${PLACE[@]}" --worker="$worker" --command="$prefix$(quoted "$@")"
}

# The code, without what git ignores: packed here, unpacked on every worker.
send_code() {
  local package=${TMPDIR:-/tmp}/$NAME-code.tar.gz
  run tar -czf "$package" --exclude=__pycache__ sagan_tf gin launch setup.py pyproject.toml README.md &&
    run gcloud compute tpus tpu-vm scp "$package" "$NAME:sagan_tf.tar.gz" "${PLACE[@]}" --worker=all &&
    run gcloud compute tpus tpu-vm ssh "$NAME" "${PLACE[@]}" --worker=all \
      --command="mkdir -p sagan_tf && tar -xzf sagan_tf.tar.gz -C sagan_tf" &&
    run rm "$package"
}

prepare() { send_code && on_vm all launch/on_tpu_vm.sh set_up && on_vm 0 launch/on_tpu_vm.sh verify; }

start() { on_vm 0 launch/on_tpu_vm.sh start "$BUCKET" "$COPY_EVERY" -- "$@"; }

# Looks at training every POLL seconds until it leaves; returns its code, or GONE when the TPU was taken away.
follow() {
  local status unreachable=0
  if $DRY_RUN; then
    on_vm 0 launch/on_tpu_vm.sh status
    return 0
  fi
  while pause "$POLL"; do
    ! lost || return "$GONE"
    if status=$(on_vm 0 launch/on_tpu_vm.sh status 2>/dev/null); then
      unreachable=0
      say "$(date +%H:%M) ${status#running }"
      [[ $status != exit\ * ]] || return "${status#exit }"
    elif ((++unreachable == 30)); then
      KEEP=true
      fail "the TPU VM $NAME must answer; it did not in 30 tries. Training may still run there: see --attach."
    fi
  done
}

lost() { [[ $(state) == @(gone|absent) ]]; }

# Makes the TPU unless it is there, and trains until training leaves (its code) or the TPU is taken away (INTERRUPTED:
# it is made anew). A creation that fails is tried again only after one that did not.
train() { # ARGUMENTS...
  local code=0
  if ! $READY; then
    OURS=true
    if ! create; then
      $WAS_READY && return "$INTERRUPTED"
      fail "the TPU $NAME could not be created; the reason is above."
    fi
    WAS_READY=true
  fi
  if ! $ATTACH; then
    { { $READY || prepare; } && start "$@"; } || code=$FAILED
  fi
  READY=true
  ATTACH=false
  ((code)) || follow || code=$?
  if ((code == GONE)) || { ((code == FAILED)) && lost; }; then
    say "The TPU $NAME was preempted."
    READY=false
    delete || say "It could not be deleted."
    return "$INTERRUPTED"
  fi
  ((code != FAILED)) || fail "the TPU VM $NAME could not be set up or train; the reason is above."
  return "$code"
}

# Brings the run here. Without a bucket a TPU whose run can't be fetched is kept.
fetch() {
  local there=
  $DRY_RUN || there=$(on_vm 0 launch/on_tpu_vm.sh has "$RUN") || there="" # a TPU VM that can't be reached has not said no
  if [[ $there == no ]]; then
    say "There is no $RUN on $NAME to download."
    return 0
  fi
  run mkdir -p "$(dirname "$RUN")" &&
    run gcloud compute tpus tpu-vm scp --recurse "$NAME:sagan_tf/$RUN" "$(dirname "$RUN")" "${PLACE[@]}" --worker=0 &&
    return 0
  say "The run could not be downloaded from $NAME."
  [[ -n $BUCKET ]] || KEEP=true
}

# However the script ends, the TPU is deleted, or it is said that it still costs money.
leave() {
  local code=$?
  trap - EXIT
  trap '' TERM INT HUP
  $OURS || exit "$code"
  if $DRY_RUN; then
    $KEEP || delete
  elif [[ $(state) == absent ]]; then
    exit "$code"
  elif $KEEP; then
    say "The TPU $NAME still exists and is BILLED. To follow it, repeat the command with --attach. To delete it:"
    say "  $(DRY_RUN=true delete)"
  elif ! delete; then
    say "The TPU $NAME could not be deleted: it still exists and is BILLED. Delete it manually:"
    say "  $(DRY_RUN=true delete)"
    ((code)) || code=1
  fi
  exit "$code"
}

interrupted() {
  trap - TERM INT HUP
  if $READY && ! $KEEP; then
    say "Asking training on $NAME to save and exit; press Ctrl-C again to exit at once."
    on_vm 0 launch/on_tpu_vm.sh stop || say "Training could not be stopped."
    fetch
  fi
  exit "$INTERRUPTED"
}

check_name_is_free() {
  local state
  state=$(state)
  if $ATTACH; then
    [[ $state == ready ]] || fail "--attach needs a TPU that is ready; $NAME is ${state}."
    OURS=true READY=true
  else
    [[ $state == absent ]] || fail "--name must be new; $NAME is ${state}. Follow it with --attach, or choose another --name."
  fi
}

session() { # TRAIN_ARGUMENTS...
  local code=0
  $DRY_RUN || check_name_is_free
  trap leave EXIT
  trap interrupted TERM INT HUP
  restart_while_interrupted train "$@" || code=$?
  $READY && fetch
  ((code == 0)) || say "Training exited with code $code; the end of its log is in .launch/train.log on the TPU VM (--keep)."
  exit "$code"
}
