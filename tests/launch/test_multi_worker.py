"""multi_worker.sh: every worker gets its part of the cluster; all of them end and start together."""

import json
import shlex
import signal
import time
from pathlib import Path

import pytest

CHECKOUT = str(Path(__file__).parents[2])
ODD = ["--run_dir=my run", "--gin_bindings=A.b='c d'", '--gin_bindings=$HOME "x" \\']
SSH = ["ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"]
# ssh hands its last word to a shell on the other side, as the real one does
REMOTE = 'cd /; bash -c "${@: -1}"\nexit'
WORKER = """
[[ $1 == -m ]] || exit 0
index=${TF_CONFIG: -3:1}
printf '%s\\n' "$TF_CONFIG" >>"$FAKES/tf_config"
n=$(($(cat "$FAKES/n$index" 2>/dev/null || echo 0) + 1)); echo $n >"$FAKES/n$index"
trap 'echo $index >>"$FAKES/asked"; exit 75' TERM
stay() { for ((i = 0; i < 400; i++)); do sleep 0.05; done; exit 9; }
"""


def trainings(fakes):
    return [call[3:] for call in fakes.calls if call[1:3] == ["-m", "sagan_tf.train"]]


def test_the_commands_of_every_host(fakes):
    fakes.behave("ssh", REMOTE)
    fakes.behave("python", WORKER)
    found = fakes.run("multi_worker.sh", "--hosts=a,me@b", fakes.python, "--port=99", "--", *ODD)
    assert found.returncode == 0, found.stderr
    python = fakes.python.removeprefix("--python=")
    asked = [call for call in fakes.calls if call[0] == "ssh"]
    assert [call[:-1] for call in asked[:2]] == [[*SSH, "a"], [*SSH, "me@b"]]
    words = [shlex.split(call[-1]) for call in asked]
    assert words[:2] == [["cd", CHECKOUT, "&&", python, "launch/devices.py", "GPU"]] * 2
    assert sorted(words[2:]) == [
        ["cd", CHECKOUT, "&&", "launch/worker.sh", python, "a:99,b:99", str(i), "120", "--", *ODD] for i in (0, 1)
    ]


def test_every_worker_gets_the_cluster_and_every_word(fakes):
    fakes.behave("ssh", REMOTE)
    fakes.behave("python", WORKER)
    assert fakes.run("multi_worker.sh", "--hosts=a,b", fakes.python, "--", *ODD).returncode == 0
    assert trainings(fakes) == [["--strategy=multi_worker", *ODD]] * 2
    configurations = [json.loads(line) for line in (fakes.folder / "tf_config").read_text().splitlines()]
    assert sorted(c["task"]["index"] for c in configurations) == [0, 1]
    assert all(c["cluster"] == {"worker": ["a:2222", "b:2222"]} for c in configurations)
    assert all(c["task"]["type"] == "worker" for c in configurations)


def test_processes_of_one_machine_are_kept_off_its_gpus(fakes):
    fakes.behave("python", WORKER + 'echo "$CUDA_VISIBLE_DEVICES" >>"$FAKES/visible"')
    found = fakes.run("multi_worker.sh", "--processes=2", fakes.python, "--", "--run_dir=r", CLUSTER="of the site")
    assert found.returncode == 0, found.stderr
    assert not any(call[0] == "ssh" for call in fakes.calls)
    configurations = [json.loads(line) for line in (fakes.folder / "tf_config").read_text().splitlines()]
    assert all(c["cluster"] == {"worker": ["127.0.0.1:2222", "127.0.0.1:2223"]} for c in configurations)
    assert (fakes.folder / "visible").read_text() == "-1\n-1\n"
    configuration = json.loads((fakes.folder / "tf_config").read_text().splitlines()[0])
    assert configuration["cluster"]["worker"] == ["127.0.0.1:2222", "127.0.0.1:2223"]


def test_a_lost_worker_has_the_others_save_and_all_start_again(fakes):
    fakes.behave("python", WORKER + "if ((n > 1)); then exit 0; elif ((index == 1)); then kill -9 $$; fi; stay")
    found = fakes.run("multi_worker.sh", "--processes=2", fakes.python, "--wait=0", "--", "--run_dir=r")
    assert found.returncode == 0, found.stderr
    assert (fakes.folder / "asked").read_text() == "0\n", "the survivor was asked once, and saved"
    assert [(fakes.folder / f"n{i}").read_text() for i in (0, 1)] == ["2\n", "2\n"]
    assert "Worker 1 (localhost) exited with code 137." in found.stderr


def test_an_error_of_one_ends_all(fakes):
    fakes.behave("python", WORKER + "((index == 0)) && exit 2; stay")
    found = fakes.run("multi_worker.sh", "--processes=3", fakes.python, "--wait=0", "--", "--run_dir=r")
    assert found.returncode == 2 and len(trainings(fakes)) == 3
    assert sorted((fakes.folder / "asked").read_text().split()) == ["1", "2"]


def test_one_that_does_not_leave_is_killed(fakes):
    fakes.behave("python", WORKER + "trap '' TERM; ((index == 0)) && exit 75; ((n > 1)) && exit 0; stay")
    started = time.monotonic()
    arguments = ("--processes=2", fakes.python, "--grace=1", "--wait=0", "--restarts=0", "--", "--run_dir=r")
    assert fakes.run("multi_worker.sh", *arguments).returncode == 75
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_save_when_the_launcher_is_asked_to_end_or_killed(fakes, number):
    fakes.behave("python", WORKER + 'touch "$FAKES/up$index"; stay')
    process = fakes.start("multi_worker.sh", "--processes=2", fakes.python, "--wait=0", "--", "--run_dir=r")
    wait_until(lambda: all((fakes.folder / f"up{i}").exists() for i in (0, 1)))
    process.send_signal(number)
    asked = fakes.folder / "asked"
    wait_until(lambda: asked.exists() and sorted(asked.read_text().split()) == ["0", "1"])
    process.communicate(timeout=20)
    assert process.returncode == (75 if number == signal.SIGTERM else -9)
    assert len(trainings(fakes)) == 2


def wait_until(true, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
