#!/usr/bin/env bash
# Trains with several workers: on the named hosts, over ssh, or as processes on this machine, to try it out.
#
#   launch/multi_worker.sh --hosts=a,b,c [OPTIONS] -- --gin_file=gin/sagan_128.gin --run_dir=RUN
#   launch/multi_worker.sh --processes=2 [OPTIONS] -- --gin_file=gin/quickstart.gin --run_dir=RUN
#
# Everything after '--' is passed to `python -m sagan_tf.train` of every worker. When one worker is interrupted or
# lost, the others save and exit, and all restart together from the last checkpoint. If one fails (with any code but
# 75, 255 and those of a kill), all end. Ctrl-C or SIGTERM saves and ends.
#
#   --hosts=A,B         names for ssh, which must not ask for a password; the first is the chief, which writes the run
#   --processes=N       N workers on this machine's CPU, over the loopback
#   --directory=DIR     the checkout on every host; it and the run's directory must be on a file system that all hosts
#                       share (this checkout's path)
#   --port=PORT         the port on which the workers listen; with --processes the first of N (2222)
#   --device=gpu|cpu    what every host trains on (gpu)
#   --python=PATH       a Python that has the packages; nothing is then set up (.venv/bin/python)
#   --grace=SECONDS     how long the others may take to save and exit before they are killed (120)
#   --restarts=N        how often to restart after an interruption (100)
#   --wait=SECONDS      pause before the first restart, doubled each time up to ten minutes (10)
#   --dry_run           print the commands without running them
#
# Its authors ran it with processes on one machine, not with several hosts or GPUs.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/running.sh
. launch/running.sh

HOSTS=
PROCESSES=
CLUSTER=
DIRECTORY=$PWD
PORT=2222
DEVICE=gpu
GRACE=120
while (($#)); do
  case $1 in
    --hosts=*) HOSTS=${1#*=} ;;
    --processes=*) PROCESSES=$(whole_number processes "${1#*=}") ;;
    --directory=*) DIRECTORY=${1#*=} ;;
    --port=*) PORT=$(whole_number port "${1#*=}") ;;
    --device=cpu | --device=gpu) DEVICE=${1#*=} ;;
    --grace=*) GRACE=$(whole_number grace "${1#*=}") ;;
    --) break ;;
    *) common_option "$0" "$1" ;;
  esac
  shift
done
(($#)) || fail "training's arguments must follow '--'; received none. See $0 --help."
shift
run_directory "$@" >/dev/null
[[ -n $HOSTS && -z $PROCESSES || -z $HOSTS && -n $PROCESSES ]] ||
  fail "the workers must be named once; received --hosts=$HOSTS and --processes=$PROCESSES. Give one of them."

MEMBERS=()
if [[ -n $HOSTS ]]; then
  [[ $HOSTS =~ ^[A-Za-z0-9_.@-]+(,[A-Za-z0-9_.@-]+)*$ ]] || fail "--hosts must be names with commas between; received --hosts=$HOSTS."
  IFS=, read -r -a MEMBERS <<<"$HOSTS"
  addresses=("${MEMBERS[@]#*@}")
  CLUSTER=$(printf ",%s:$PORT" "${addresses[@]}")
else
  ((PROCESSES)) || fail "--processes must be at least 1; received --processes=$PROCESSES."
  DEVICE=cpu
  for ((i = 0; i < PROCESSES; i++)); do
    MEMBERS+=(localhost)
    CLUSTER+=,127.0.0.1:$((PORT + i))
  done
fi
CLUSTER=${CLUSTER#,}

# The command of one member: by ssh, its words quoted for the shell there, or here.
on_member() { # INDEX COMMAND...
  local host=${MEMBERS[$1]}
  shift
  if [[ -n $HOSTS ]]; then
    COMMAND=(ssh -o BatchMode=yes -o ServerAliveInterval=15 -o ServerAliveCountMax=4 "$host"
      "cd $(quoted "$DIRECTORY") && $(quoted "$@")")
  else
    COMMAND=("$@")
  fi
}

prepare() {
  local i hidden=()
  [[ $DEVICE == cpu ]] && hidden=(env CUDA_VISIBLE_DEVICES=-1)
  for i in "${!MEMBERS[@]}"; do
    [[ -n $HOSTS || $i == 0 ]] || continue # the processes of one machine share what is set up
    if [[ $PYTHON == .venv/bin/python ]]; then
      on_member "$i" launch/set_up.sh "$DEVICE"
      run "${COMMAND[@]}" </dev/null
    fi
    on_member "$i" ${hidden[@]+"${hidden[@]}"} "$PYTHON" launch/devices.py "${DEVICE^^}"
    run "${COMMAND[@]}" </dev/null
  done
}

worker() { # INDEX TRAIN_ARGUMENTS...
  local i=$1 hidden=()
  shift
  [[ $DEVICE == cpu ]] && hidden=(env CUDA_VISIBLE_DEVICES=-1)
  on_member "$i" ${hidden[@]+"${hidden[@]}"} launch/worker.sh "$PYTHON" "$CLUSTER" "$i" "$GRACE" -- "$@"
}

# All workers once. They are alive for as long as the pipe on their standard input is held open; to end them, it is
# closed. Returns 0, INTERRUPTED, or the first error's code.
together() { # TRAIN_ARGUMENTS...
  local i pipe pids=() codes=() deadline=
  pipe=$(mktemp -d)/alive
  mkfifo "$pipe"
  exec 8<>"$pipe"
  exec 9<"$pipe"
  rm -r "${pipe%/*}"
  trap 'STOPPING=true' TERM INT HUP
  for i in "${!MEMBERS[@]}"; do
    worker "$i" "$@"
    setsid "${COMMAND[@]}" <&9 8>&- 9<&- &
    pids[i]=$!
  done
  while ((${#codes[@]} < ${#pids[@]})); do
    for i in "${!pids[@]}"; do
      [[ -z ${codes[i]-} ]] || continue
      kill -0 "${pids[i]}" 2>/dev/null && continue
      codes[i]=0
      wait "${pids[i]}" || codes[i]=$?
      say "Worker $i (${MEMBERS[i]}) exited with code ${codes[i]}."
    done
    if [[ -z $deadline ]] && { $STOPPING || [[ ${codes[*]-} =~ [1-9] ]]; }; then
      exec 8>&- # the others save and leave
      deadline=$((SECONDS + GRACE + 10)) # only an ssh that hangs takes longer
    elif [[ -n $deadline ]] && ((SECONDS > deadline)); then
      for i in "${!pids[@]}"; do [[ -n ${codes[i]-} ]] || kill -KILL -- "-${pids[i]}" 2>/dev/null || true; done
    fi
    sleep 0.2 || true
  done
  exec 8>&- 9<&-
  trap - TERM INT HUP
  verdict "${codes[@]}"
}

prepare
if $DRY_RUN; then
  for i in "${!MEMBERS[@]}"; do
    worker "$i" "$@"
    run "${COMMAND[@]}"
  done
else
  restart_while_interrupted together "$@"
fi
