#!/usr/bin/env bash
# One worker of several: launch/worker.sh PYTHON CLUSTER INDEX GRACE -- TRAIN_ARGUMENTS, started by multi_worker.sh.
#
# CLUSTER lists host:port of all workers, separated by commas. When standard input ends, training is asked to save and
# exit, and is killed GRACE seconds later, so that a lost connection or launcher never leaves a worker behind.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/running.sh
. launch/running.sh

python=$1
# shellcheck disable=SC2089 # the quotes are JSON's
printf -v TF_CONFIG '{"cluster":{"worker":["%s"]},"task":{"type":"worker","index":%d}}' "${2//,/\",\"}" "$3"
# shellcheck disable=SC2090
export TF_CONFIG
grace=$4
shift 5
exec 3<&0
{
  while read -r -u 3 _; do :; done
  kill -TERM $$
  sleep "$grace"
  kill -KILL 0 # this session: the launcher or ssh gave it to us alone
} >/dev/null 2>&1 &
watcher=$!
code=0
attempt "$python" -m sagan_tf.train --strategy=multi_worker "$@" </dev/null 3<&- || code=$?
kill "$watcher" 2>/dev/null || true
exit "$code"
