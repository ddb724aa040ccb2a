"""tpu_vm.sh and tpu_pod.sh against a recorded gcloud that keeps the state of one TPU."""

import shlex
import signal
import time

import pytest

ODD = ["--gin_file=gin/sagan_128.gin", "--run_dir=runs/launch test", "--gin_bindings=A.b='c $d'"]
PLACE = ["--zone=z1", "--project=p"]
# $FAKES/state is what `describe` finds; the n-th `status` answers line n of $FAKES/status, the last one for ever.
GCLOUD = """
state() { echo "$1" >"$FAKES/state"; }
answer=$(cat "$FAKES/state" 2>/dev/null || echo ABSENT)
case "$*" in
  *describe*)
    [[ $answer != ABSENT ]] || { echo "ERROR: NOT_FOUND: Resource" >&2; exit 1; }
    echo "$answer" ;;
  *"tpu-vm create"*) state READY ;;
  *"queued-resources create"*) state ACTIVE ;;
  *" delete "*) state ABSENT ;;
  *on_tpu_vm.sh\\ status*)
    n=$(($(cat "$FAKES/n" 2>/dev/null || echo 0) + 1)); echo $n >"$FAKES/n"
    total=$(wc -l <"$FAKES/status"); line=$(sed -n "$((n < total ? n : total))p" "$FAKES/status")
    [[ $line != @* ]] || { state "${line#@}"; exit 255; }
    echo "$line" ;;
esac
"""


@pytest.fixture
def cloud(fakes, monkeypatch):
    fakes.behave("gcloud", GCLOUD)

    def train(script, *options, statuses=("running step 1", "exit 0")):
        (fakes.folder / "status").write_text("\n".join(statuses) + "\n")
        return fakes.run(script, *PLACE, "--poll=0", "--wait=0", *options, "--", *ODD)

    fakes.train = train
    return fakes


def asked(fakes):
    """What gcloud was asked to do, without the looks at its state."""
    return [call[1:] for call in fakes.calls if call[0] == "gcloud" and "describe" not in call]


def on_vm(worker, *words, name=""):
    command = f"cd sagan_tf && {name}launch/on_tpu_vm.sh " + shlex.join(words)
    return (f"--worker={worker}", shlex.split(command))


def verbs(fakes):
    """create, set_up, start, ... in their order."""
    found = []
    for call in asked(fakes):
        remote = [word for word in shlex.split(call[-1].removeprefix("--command=")) if word != "--"]
        script = [word for word in remote if word.endswith("on_tpu_vm.sh")]
        found.append(remote[remote.index(script[0]) + 1] if script else call[3])
    return [verb for verb in found if verb not in ("status", "has", "scp", "ssh")]


def test_the_commands_of_a_tpu_vm(cloud):
    found = cloud.train("tpu_vm.sh", "--spot", "--bucket=gs://b/f/")
    assert found.returncode == 0, found.stderr
    vm = ["compute", "tpus", "tpu-vm"]
    calls = asked(cloud)
    package = f"{cloud.folder}/sagan-tf-code.tar.gz"
    create = ["--accelerator-type=v3-8", "--version=tpu-ubuntu2204-base", "--spot"]
    assert calls[:3] == [
        [*vm, "create", "sagan-tf", *PLACE, *create],
        [*vm, "scp", package, "sagan-tf:sagan_tf.tar.gz", *PLACE, "--worker=all"],
        [*vm, "ssh", "sagan-tf", *PLACE, "--worker=all",
         "--command=mkdir -p sagan_tf && tar -xzf sagan_tf.tar.gz -C sagan_tf"],
    ]  # fmt: skip
    remote = [(c[-2], shlex.split(c[-1].removeprefix("--command="))) for c in calls[3:8]]
    assert remote == [
        on_vm("all", "set_up"),
        on_vm(0, "verify"),
        on_vm(0, "start", "gs://b/f", "600", "--", *ODD),
        on_vm(0, "status"),
        on_vm(0, "status"),
    ]
    assert (calls[8][-2], shlex.split(calls[8][-1].removeprefix("--command="))) == on_vm(0, "has", "runs/launch test")
    assert calls[9:] == [
        [*vm, "scp", "--recurse", "sagan-tf:sagan_tf/runs/launch test", "runs", *PLACE, "--worker=0"],
        [*vm, "delete", "sagan-tf", *PLACE, "--quiet"],
    ]


def test_the_commands_of_a_pod(cloud):
    found = cloud.train("tpu_pod.sh", "--name=pod", "--accelerator_type=v3-32")
    assert found.returncode == 0, found.stderr
    queue = ["compute", "tpus", "queued-resources"]
    create = ["--node-id=pod", "--accelerator-type=v3-32", "--runtime-version=tpu-vm-tf-2.19.1-pod-pjrt"]
    calls = asked(cloud)
    assert calls[0] == [*queue, "create", "pod", *PLACE, *create]
    start = next(c for c in calls if "on_tpu_vm.sh start" in c[-1])
    assert (start[-2], shlex.split(start[-1].removeprefix("--command="))) == on_vm(
        0, "start", "", "600", "--", *ODD, name="TPU_NAME=pod "
    )
    assert calls[-1] == [*queue, "delete", "pod", *PLACE, "--force", "--quiet"]


@pytest.mark.parametrize(("script", "state"), [("tpu_vm.sh", "PREEMPTED"), ("tpu_pod.sh", "SUSPENDED")])
def test_a_tpu_that_is_taken_away_is_made_anew(cloud, script, state):
    found = cloud.train(script, "--spot", "--bucket=gs://b", statuses=("running 1", f"@{state}", "running 2", "exit 0"))
    assert found.returncode == 0, found.stderr
    once = ["create", "set_up", "verify", "start"]
    assert verbs(cloud) == [*once, "delete", *once, "delete"]


def test_interrupted_training_starts_again_on_the_same_tpu(cloud):
    found = cloud.train("tpu_vm.sh", statuses=("exit 75", "running", "exit 75", "exit 0"))
    assert found.returncode == 0, found.stderr
    assert verbs(cloud) == ["create", "set_up", "verify", "start", "start", "start", "delete"]


def test_restarts_are_counted(cloud):
    assert cloud.train("tpu_vm.sh", "--restarts=2", statuses=("exit 75",)).returncode == 75
    assert verbs(cloud).count("start") == 3 and verbs(cloud)[-1] == "delete"


def test_an_error_of_training_is_the_scripts_and_the_tpu_goes(cloud):
    found = cloud.train("tpu_vm.sh", statuses=("exit 2",))
    assert found.returncode == 2 and "code 2" in found.stderr
    assert verbs(cloud)[-1] == "delete"


def test_a_creation_or_set_up_that_fails_leaves_nothing(cloud):
    cloud.behave("gcloud", GCLOUD.replace("state READY", "state CREATING; exit 1"))
    found = cloud.train("tpu_vm.sh")
    assert found.returncode == 2 and "could not be created" in found.stderr
    assert verbs(cloud) == ["create", "delete"]
    (cloud.folder / "calls").unlink()
    cloud.behave("gcloud", 'case "$*" in *verify*) exit 2 ;; esac\n' + GCLOUD)
    found = cloud.train("tpu_vm.sh")
    assert found.returncode == 2 and "could not be set up" in found.stderr
    assert verbs(cloud) == ["create", "set_up", "verify", "delete"]


def test_what_still_costs_money_is_said(cloud):
    delete = "gcloud compute tpus tpu-vm delete sagan-tf --zone=z1 --project=p --quiet"
    kept = cloud.train("tpu_vm.sh", "--keep")
    assert kept.returncode == 0 and "BILLED" in kept.stderr and delete in kept.stderr
    assert "delete" not in verbs(cloud)
    refused = cloud.train("tpu_vm.sh")
    assert refused.returncode == 2 and "--attach" in refused.stderr and "delete" not in verbs(cloud)
    cloud.behave("gcloud", 'case "$*" in *delete*) exit 1 ;; esac\n' + GCLOUD)
    followed = cloud.train("tpu_vm.sh", "--attach")
    assert followed.returncode == 1 and "could not be deleted" in followed.stderr and delete in followed.stderr
    assert verbs(cloud).count("create") == 1


def test_a_run_that_cannot_be_fetched_is_not_thrown_away(cloud):
    cloud.behave("gcloud", 'case "$*" in *--recurse*) exit 1 ;; esac\n' + GCLOUD)
    found = cloud.train("tpu_vm.sh")
    assert "could not be downloaded" in found.stderr and "BILLED" in found.stderr and "delete" not in verbs(cloud)


def test_a_run_for_which_there_is_no_folder_here_is_not_thrown_away(cloud):
    (cloud.folder / "mkdir").write_text("#!/bin/sh\nexit 1\n")
    (cloud.folder / "mkdir").chmod(0o700)
    found = cloud.train("tpu_vm.sh")
    assert "could not be downloaded" in found.stderr and "BILLED" in found.stderr and "delete" not in verbs(cloud)


def test_a_slash_at_the_end_of_a_run_is_not_part_of_its_name(cloud):
    (cloud.folder / "status").write_text("exit 0\n")
    cloud.run("tpu_vm.sh", *PLACE, "--poll=0", "--", "--run_dir=./runs/launch test/")
    (fetched,) = [call for call in asked(cloud) if "--recurse" in call]
    assert fetched[5:7] == ["sagan-tf:sagan_tf/runs/launch test", "runs"]


def test_a_queued_resource_that_somebody_deleted_is_not_waited_for(cloud):
    cloud.behave(
        "gcloud",
        GCLOUD.replace('create"*) state ACTIVE', 'create"*) true').replace(
            '" delete "*) state ABSENT', '" delete "*) [[ $answer != ABSENT ]]'
        ),
    )
    found = cloud.train("tpu_pod.sh")
    assert found.returncode == 2 and "could not be created" in found.stderr


@pytest.mark.parametrize(("answer", "kept"), [("echo no", False), ("echo yes", True), ("exit 1", True)])
def test_a_run_is_missing_only_if_the_tpu_says_so(cloud, answer, kept):
    """ssh that fails has the same exit code as a folder that isn't there."""
    cloud.behave("gcloud", f'case "$*" in *" has "*) {answer} ;; *--recurse*) exit 1 ;; esac\n' + GCLOUD)
    found = cloud.train("tpu_vm.sh")
    assert ("There is no runs/launch test" in found.stderr) is not kept
    assert ("BILLED" in found.stderr) is kept and ("delete" in verbs(cloud)) is not kept


def test_a_tpu_that_no_longer_answers_is_kept_since_training_may_run_there(cloud):
    cloud.behave("gcloud", 'case "$*" in *on_tpu_vm.sh\\ status*) exit 1 ;; esac\n' + GCLOUD)
    found = cloud.train("tpu_vm.sh")
    assert found.returncode == 2 and "did not in 30 tries" in found.stderr and "BILLED" in found.stderr
    assert "delete" not in verbs(cloud)


def test_the_queue_is_waited_for(cloud):
    waiting = GCLOUD.replace("*describe*)", "*describe*)\n    [[ $answer != WAITING* ]] || state ACTIVE")
    cloud.behave("gcloud", waiting.replace('create"*) state ACTIVE', 'create"*) state WAITING_FOR_RESOURCES'))
    found = cloud.train("tpu_pod.sh")
    assert found.returncode == 0, found.stderr
    assert "is waiting" in found.stderr and verbs(cloud)[:2] == ["create", "set_up"]


def test_ctrl_c_saves_fetches_and_deletes(cloud):
    (cloud.folder / "status").write_text("running\n")
    process = cloud.start("tpu_vm.sh", *PLACE, "--poll=30", "--", *ODD)
    end = time.monotonic() + 30
    while "start" not in (verbs(cloud) if cloud.calls else []):
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 75 and verbs(cloud)[-2:] == ["stop", "delete"]
    assert asked(cloud)[-2][3:5] == ["scp", "--recurse"]


@pytest.mark.parametrize(
    ("options", "words", "says"),
    [
        (["--spot", "--zone=z"], ["--run_dir=r"], "--bucket"),
        ([], ["--run_dir=r"], "--zone"),
        *(
            (["--zone=z"], [f"--run_dir={run}"], "below the checkout")
            for run in ("/r", "~/r", "~", ".", "./", "//", "runs/../../r")
        ),
        (["--zone=z"], ["--run_dir=runs/r", "--run_dir=~/r"], "below the checkout"),
        (["--zone=z"], ["--gin_file=g"], "--run_dir"),
        (["--zone=z", "--name=Big_Pod"], ["--run_dir=r"], "--name"),
        (["--zone=z", "--bucket=b"], ["--run_dir=r"], "gs://"),
    ],
)
def test_refusals_cost_nothing(fakes, options, words, says):
    for script in ("tpu_vm.sh", "tpu_pod.sh"):
        found = fakes.run(script, *options, "--", *words)
        assert found.returncode == 2 and says in found.stderr and not fakes.calls
