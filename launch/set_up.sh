#!/usr/bin/env bash
# Creates the virtual environment of a checkout: the pinned packages for one kind of device.
#
#   launch/set_up.sh cpu|gpu|tpu [--base=python3] [--venv=.venv] [--dry_run]
#
# Nothing is installed again unless setup.py has changed. The wheels for TPU and CPU overwrite each other; therefore,
# on a TPU, everything that depends on the distribution `tensorflow` is installed without dependencies.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/running.sh
. launch/running.sh

BASE=python3
VENV=.venv
KIND=
for option in "$@"; do
  case $option in
    cpu | gpu | tpu) KIND=$option ;;
    --base=*) BASE=${option#*=} ;;
    --venv=*) VENV=${option#*=} ;;
    --dry_run | --help | -h) common_option "$0" "$option" ;;
    *) fail "the kind of device must be cpu, gpu or tpu; received $option. See $0 --help." ;;
  esac
done
[[ -n $KIND ]] || fail "the kind of device must be cpu, gpu or tpu; received none. See $0 --help."

STAMP=$VENV/.$KIND
if ! $DRY_RUN && [[ $STAMP -nt setup.py ]]; then
  say "$VENV is already set up for $KIND."
  exit 0
fi
run rm -f "$VENV/.cpu" "$VENV/.gpu" "$VENV/.tpu" # the wheels of one kind overwrite those of another
run "$BASE" -m venv "$VENV"
run "$VENV/bin/python" -m pip install --quiet --editable ".[$KIND]"
if [[ $KIND == tpu ]]; then
  run "$VENV/bin/python" -m pip install --quiet --no-deps 'tensorflow-gan>=2.1,<3' 'tensorflow-hub>=0.16' \
    'tensorflow-probability>=0.24' 'tf-keras==2.19.*'
fi
run touch "$STAMP"
