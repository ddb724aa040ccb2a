"""on_tpu_vm.sh in a copy of the checkout's scripts, as the TPU VM has it."""

import os
import shutil
import time
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch"
ARGUMENTS = ["--gin_file=g.gin", "--run_dir=runs/a b"]
# A bucket is a folder here.
GCLOUD = """
place() { echo "${1/#gs:\\/\\//$FAKES/bucket/}"; }
case "$1 $2" in
  "storage ls")
    [[ ! -f $FAKES/offline ]] || { echo "ERROR: (gcloud.storage.ls) there was no connection." >&2; exit 1; }
    [[ -d $(place "$3") && ${3#gs://} != *//* ]] ||
      { echo "ERROR: (gcloud.storage.ls) One or more URLs matched no objects." >&2; exit 1; } ;;
  "storage rsync")
    if [[ -f $FAKES/cut && $5 == gs:* ]]; then rm "$FAKES/cut"; touch "$6/half"; exit 1; fi
    if [[ -f $FAKES/slow ]]; then rm "$FAKES/slow"; touch "$FAKES/copies"; sleep 1; touch "$FAKES/went_on"; exit; fi
    from=$(place "${@: -2:1}"); to=$(place "${@: -1}")
    mkdir -p "$to"
    if [[ $4 == --delete* ]]; then
      for there in "$to"/*; do [[ -e $from/${there##*/} ]] || rm -rf "$there"; done
      [[ ! -f $FAKES/gone ]] || exit 1
    fi
    cp -r "$from/." "$to" ;;
esac
"""
PYTHON = """
[[ $1 != -c ]] || { echo /site; exit; }
env >"$FAKES/environment"
ls "runs/a b" >"$FAKES/found" 2>/dev/null
mkdir -p "runs/a b"; echo new >"runs/a b/checkpoint"; printf 'step 1\\rstep 2' >&2
trap 'exit 75' TERM
for ((i = 0; i < 200; i++)); do [[ ! -e $FAKES/end ]] || exit 0; sleep 0.05; done
"""


@pytest.fixture
def vm(fakes, tmp_path):
    checkout = tmp_path / "sagan_tf"
    shutil.copytree(LAUNCH, checkout / "launch")
    running = checkout / "launch" / "running.sh"
    running.write_text(running.read_text().replace("\nWAIT=10\n", "\nWAIT=0\n"))
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(fakes.folder / "python", checkout / ".venv" / "bin" / "python")
    fakes.behave("gcloud", GCLOUD)
    fakes.behave("python", PYTHON)
    fakes.checkout = checkout
    fakes.on_vm = lambda *words, **extra: fakes.run("on_tpu_vm.sh", *words, launch=checkout / "launch", **extra)
    return fakes


def status(vm, wanted):
    end = time.monotonic() + 20
    while (line := vm.on_vm("status").stdout.strip()) != wanted:
        assert time.monotonic() < end, line
        time.sleep(0.05)


def test_training_is_detached_followed_and_kept_in_the_bucket(vm):
    assert vm.on_vm("start", "gs://b/f", "600", "--", *ARGUMENTS).returncode == 0
    status(vm, "running step 2")
    again = vm.on_vm("start", "gs://b/f", "600", "--", *ARGUMENTS)
    assert again.returncode == 2 and "one training at a time" in again.stderr
    (vm.folder / "end").touch()
    status(vm, "exit 0")
    assert ["python", "-m", "sagan_tf.train", "--strategy=tpu", *ARGUMENTS] in vm.calls
    assert (vm.folder / "bucket" / "b" / "f" / "runs" / "a b" / "checkpoint").read_text() == "new\n"


def run_in_the_bucket(vm):
    """The folder of a run that an earlier VM left in the bucket."""
    (kept := vm.folder / "bucket" / "b" / "runs" / "a b").mkdir(parents=True)
    (kept / "earlier").touch()
    return kept


@pytest.mark.parametrize("run", ["runs/a b", "runs/a b/", "./runs//a b", "runs/./a b//"])
def test_a_new_vm_goes_on_from_the_bucket(vm, run):
    run_in_the_bucket(vm)
    (vm.folder / "end").touch()
    vm.on_vm("start", "gs://b", "600", "--", f"--run_dir={run}")
    status(vm, "exit 0")
    assert (vm.folder / "found").read_text() == "earlier\n"


def test_a_run_comes_whole_from_the_bucket_though_the_first_copy_was_cut(vm):
    kept = run_in_the_bucket(vm)
    for name in ("end", "cut"):
        (vm.folder / name).touch()
    vm.on_vm("start", "gs://b", "600", "--", *ARGUMENTS)
    status(vm, "exit 0")
    assert (vm.folder / "found").read_text() == "earlier\n"
    assert sorted(path.name for path in kept.iterdir()) == ["checkpoint", "earlier"]


def test_a_machine_that_is_taken_away_while_it_copies_leaves_a_whole_run_in_the_bucket(vm):
    kept = run_in_the_bucket(vm)
    (vm.checkout / "runs" / "a b").mkdir(parents=True)
    for name in ("end", "gone"):
        (vm.folder / name).touch()
    vm.on_vm("start", "gs://b", "600", "--", *ARGUMENTS)
    status(vm, "exit 0")
    assert "could not be copied" in (vm.checkout / ".launch" / "train.log").read_text()
    assert [path.name for path in kept.iterdir()] == ["checkpoint"]


def test_a_copy_that_takes_long_ends_with_the_training_and_leaves_the_last_one_alone(vm):
    (vm.folder / "slow").touch()
    vm.on_vm("start", "gs://b", "0.1", "--", *ARGUMENTS)
    end = time.monotonic() + 20
    while not (vm.folder / "copies").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    (vm.folder / "end").touch()
    status(vm, "exit 0")
    assert (vm.folder / "bucket" / "b" / "runs" / "a b" / "checkpoint").exists()
    time.sleep(1.2)
    assert not (vm.folder / "went_on").exists()


def test_without_an_answer_of_the_bucket_nothing_is_trained_and_the_run_there_stays(vm):
    kept = run_in_the_bucket(vm)
    (vm.folder / "offline").touch()
    vm.on_vm("start", "gs://b", "600", "--", *ARGUMENTS)
    status(vm, "exit 2")
    assert [path.name for path in kept.iterdir()] == ["earlier"] and not (vm.checkout / "runs").exists()
    assert "there was no connection" in (vm.checkout / ".launch" / "train.log").read_text()


@pytest.mark.parametrize(("folder", "answer"), [("runs/a b", "yes\n"), ("runs/c", "no\n")])
def test_whether_a_folder_is_there_is_said(vm, folder, answer):
    (vm.checkout / "runs" / "a b").mkdir(parents=True)
    assert vm.on_vm("has", folder).stdout == answer


OWN = {
    "TF_PLUGGABLE_DEVICE_LIBRARY_PATH": "/site/libtpu/libtpu.so",
    "NEXT_PLUGGABLE_DEVICE_USE_C_API": "true",
}


@pytest.mark.parametrize(
    ("name", "there", "not_there"),
    [("", OWN, "TPU_LOAD_LIBRARY"), ("pod", {"TPU_LOAD_LIBRARY": "0"}, "TF_PLUGGABLE_DEVICE_LIBRARY_PATH")],
)
def test_the_environment_of_a_vm_and_of_a_pod(vm, name, there, not_there):
    (vm.folder / "end").touch()
    vm.on_vm("start", "", "600", "--", *ARGUMENTS, TPU_NAME=name)
    status(vm, "exit 0")
    lines = (vm.folder / "environment").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    assert there.items() | {("TF_USE_LEGACY_KERAS", "1")} <= environment.items()
    assert not_there not in environment
    assert not any(call[0] == "gcloud" for call in vm.calls)


def test_stop_saves_and_a_restarted_machine_counts_as_interrupted(vm):
    vm.on_vm("start", "", "600", "--", *ARGUMENTS)
    status(vm, "running step 2")
    assert vm.on_vm("stop").returncode == 0
    status(vm, "exit 75")
    state = vm.checkout / ".launch"
    os.remove(state / "exit_code")
    assert vm.on_vm("status").stdout == "exit 75\n"
