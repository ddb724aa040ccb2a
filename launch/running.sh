# shellcheck shell=bash disable=SC2034
# Sourced by the launch scripts. A command is run or, with --dry_run, printed; training is restarted for as long as it
# exits with INTERRUPTED, the code of a run that was asked to stop and has saved.

INTERRUPTED=75
LONG=600 # seconds: the longest pause; an attempt that lasted longer than this starts the pauses from the first again
DRY_RUN=false
RESTARTS=100
WAIT=10
PYTHON=.venv/bin/python
STOPPING=false

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 2
}

# The comment at the head of a script is its help. The scripts work in the checkout, whatever path they were called by.
usage() { sed -n '2,/^[^#]/ { /^#SBATCH/d; /^#/ s/^# \{0,1\}//p }' "launch/${1##*/}"; }

# A command line that a shell reads back as the same words.
quoted() {
  local words
  printf -v words '%q ' "$@"
  printf '%s' "${words% }"
}

# A sleep that a signal's trap can end.
pause() { # SECONDS
  sleep "$1" >/dev/null 2>&1 &
  wait $!
}

run() {
  if $DRY_RUN; then
    quoted "$@"
    echo
  else
    "$@"
  fi
}

# The options that all scripts have: common_option SCRIPT OPTION.
common_option() {
  case $2 in
    --help | -h)
      usage "$1"
      exit 0
      ;;
    --dry_run) DRY_RUN=true ;;
    --restarts=*) RESTARTS=$(whole_number restarts "${2#*=}") ;;
    --wait=*) WAIT=$(whole_number wait "${2#*=}") ;;
    --python=*) PYTHON=${2#*=} ;;
    *) fail "options must be those of $1 --help, and training's own follow '--'; received $2." ;;
  esac
}

whole_number() { # NAME VALUE
  [[ $2 =~ ^[0-9]{1,9}$ ]] || fail "--$1 must be a whole number of at most nine digits; received --$1=$2."
  echo "$((10#$2))" # "010" is ten
}

# A path without "./", doubled slashes, and a slash at its end: in a bucket these would be parts of other names.
plain() { # PATH
  local path=$1/ slash=/
  while [[ $path == *//* || $path == */./* || $path == ./?* ]]; do
    path=${path//"$slash$slash"/"$slash"}
    path=${path//"$slash.$slash"/"$slash"}
    path=${path#./}
  done
  path=${path%/}
  printf '%s\n' "${path:-/}"
}

# Training needs to know where its run lies; so do the scripts that say or copy it. The last --run_dir counts.
run_directory() { # TRAIN_ARGUMENTS...
  local word previous="" run=""
  for word in "$@"; do
    if [[ $word == --run_dir=* ]]; then
      run=${word#*=}
    elif [[ $previous == --run_dir ]]; then
      run=$word
    fi
    previous=$word
  done
  [[ -z $run ]] || { plain "$run" && return; }
  fail "training's arguments must name the run's directory; received no --run_dir after '--'. Add --run_dir=RUN."
}

# Runs one command and passes every signal on as TERM. The first makes training save and leave with 75, the second makes
# it leave at once; therefore Ctrl-C must reach it through us alone, in a session of its own (setsid).
attempt() { # COMMAND...
  local child code
  "$@" &
  child=$!
  trap 'STOPPING=true; kill -TERM "$child" 2>/dev/null' TERM INT HUP
  while true; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  $STOPPING && { wait "$child" || code=$?; } # a signal that came with the end hides its code from the first wait
  trap - TERM INT HUP
  return "$code"
}

# The code of several workers together. 75, 255 (ssh lost the host) and the codes of a kill are interruptions; any other
# code is an error and comes first, because the other workers leave with 75 when they lose the one that failed.
verdict() { # CODES...
  local code result=0
  for code in "$@"; do
    if ((code == 0)); then
      continue
    elif ((code == INTERRUPTED || code > 128)); then
      result=$INTERRUPTED
    else
      return "$code"
    fi
  done
  return "$result"
}

# Runs `pass COMMAND...` again and again while its code is INTERRUPTED, with growing pauses. Returns the last code.
restart_while_interrupted() { # COMMAND...
  local restarts=0 pause=$WAIT started code
  while true; do
    started=$SECONDS
    code=0
    "$@" || code=$?
    if ((code != INTERRUPTED)) || $STOPPING; then return "$code"; fi
    if ((restarts == RESTARTS)); then
      say "Interrupted again after $RESTARTS restarts; giving up. Repeat the command to resume (--restarts=N for more)."
      return "$code"
    fi
    ((SECONDS - started > LONG)) && pause=$WAIT
    restarts=$((restarts + 1))
    say "Interrupted (code $INTERRUPTED); restarting in $pause s (restart $restarts of $RESTARTS)."
    pause "$pause"
    pause=$((pause * 2 > LONG ? LONG : pause * 2))
  done
}
