"""gpu.sh, set_up.sh, devices.py, slurm.sbatch; and what all scripts have in common."""

import importlib.util
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch"
SCRIPTS = ("gpu.sh", "multi_worker.sh", "slurm.sbatch", "tpu_vm.sh", "tpu_pod.sh")
# What a shell would split, expand or end early.
ODD = ["--run_dir=my run", "--gin_bindings=A.b='c d'", '--gin_bindings=$HOME `id` "x" \\ ; # *']
COUNT = 'n=$(($(cat "$FAKES/n" 2>/dev/null || echo 0) + 1)); echo $n >"$FAKES/n"\n'


def trainings(fakes):
    return [call[3:] for call in fakes.calls if call[1:3] == ["-m", "sagan_tf.train"]]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    files = [f"launch/{path.name}" for path in [*LAUNCH.glob("*.sh"), LAUNCH / "slurm.sbatch"]]
    found = subprocess.run(["shellcheck", "-x", *files], cwd=LAUNCH.parent, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_what_was_not_tried(fakes, script):
    found = fakes.run(script, "--help")
    assert found.returncode == 0 and "authors" in found.stdout and "--dry_run" in found.stdout
    assert "SBATCH" not in found.stdout
    assert not re.search(r"^[\w-]+,?$", found.stdout, re.M), "a line of the help was broken after its first word"
    assert not fakes.calls


@pytest.mark.parametrize("name", ["launch/gpu.sh", "../checkout/launch/gpu.sh", "./gpu.sh", "gpu.sh"])
def test_help_is_found_by_whatever_path_a_script_is_called(tmp_path, name):
    shutil.copytree(LAUNCH, tmp_path / "checkout" / "launch")
    at = tmp_path / "checkout" / ("" if "launch" in name else "launch")
    found = subprocess.run(["bash", name, "--help"], cwd=at, capture_output=True, text=True)
    assert found.returncode == 0 and found.stdout.startswith("Trains on all GPUs") and not found.stderr


def test_numbers_are_decimal(fakes):
    fakes.behave("python", "[[ $1 == -m ]] || exit 0\nexit 75")
    found = fakes.run("gpu.sh", fakes.python, "--wait=000", "--restarts=08", "--", "--run_dir=r")
    assert found.returncode == 75 and "restart 8 of 8" in found.stderr


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("arguments", [["--zome=a", "--"], ["--restarts=many", "--"], [], ["--"], ["--", "--run_dir="]])
def test_what_is_wrong_is_refused_before_anything_runs(fakes, script, arguments):
    found = fakes.run(script, *arguments)
    assert found.returncode == 2 and found.stderr.startswith("error: ")
    assert not fakes.calls


def test_gpu_checks_the_devices_and_passes_every_word(fakes):
    found = fakes.run("gpu.sh", fakes.python, "--gpus=0,3", "--", *ODD)
    assert found.returncode == 0, found.stderr
    assert fakes.calls == [
        ["python", "launch/devices.py", "GPU", "2"],
        ["python", "-m", "sagan_tf.train", *ODD],
    ]


def test_a_dry_run_runs_nothing_and_can_be_pasted(fakes, tmp_path):
    found = fakes.run("gpu.sh", "--dry_run", fakes.python, "--", *ODD)
    assert found.returncode == 0 and not fakes.calls
    subprocess.run(["bash", "-c", found.stdout], env=fakes.environment(), check=True)
    assert trainings(fakes) == [ODD]


def test_gpu_starts_again_while_the_code_is_75(fakes):
    fakes.behave("python", "[[ $1 == -m ]] || exit 0\n" + COUNT + "((n > 2)) || exit 75; exit 0")
    found = fakes.run("gpu.sh", fakes.python, "--wait=0", "--", "--run_dir=r")
    assert found.returncode == 0 and len(trainings(fakes)) == 3
    assert "restart 2 of 100" in found.stderr


@pytest.mark.parametrize(("code", "restarts", "starts"), [(2, 5, 1), (137, 5, 1), (75, 2, 3)])
def test_gpu_stops_at_other_codes_and_after_so_many_restarts(fakes, code, restarts, starts):
    fakes.behave("python", f"[[ $1 == -m ]] || exit 0\nexit {code}")
    found = fakes.run("gpu.sh", fakes.python, "--wait=0", f"--restarts={restarts}", "--", "--run_dir=r")
    assert found.returncode == code and len(trainings(fakes)) == starts


def test_no_gpu_no_training(fakes):
    fakes.behave("python", "exit 2")
    assert fakes.run("gpu.sh", fakes.python, "--", "--run_dir=r").returncode == 2
    assert not trainings(fakes)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on_once_and_nothing_starts_again(fakes, number):
    fakes.behave(
        "python",
        "[[ $1 == -m ]] || exit 0\ntrap 'echo got >>\"$FAKES/signals\"; exit 75' TERM\n"
        'touch "$FAKES/up"; for ((i = 0; i < 200; i++)); do sleep 0.05; done',
    )
    process = fakes.start("gpu.sh", fakes.python, "--wait=0", "--", "--run_dir=r")
    wait_for(fakes.folder / "up")
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 75 and len(trainings(fakes)) == 1
    assert (fakes.folder / "signals").read_text() == "got\n"


def wait_for(path: Path, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def test_a_tpu_vm_gets_nothing_that_would_overwrite_its_tensorflow(fakes, tmp_path):
    fakes.behave("python3", 'mkdir -p "$3/bin"; cp "$FAKES/python" "$3/bin/python"')
    venv = tmp_path / "venv"
    found = fakes.run("set_up.sh", "tpu", f"--venv={venv}")
    assert found.returncode == 0, found.stderr
    pip = ["python", "-m", "pip", "install", "--quiet"]
    around = ["tensorflow-gan>=2.1,<3", "tensorflow-hub>=0.16", "tensorflow-probability>=0.24", "tf-keras==2.19.*"]
    calls = [["python3", "-m", "venv", str(venv)], [*pip, "--editable", ".[tpu]"], [*pip, "--no-deps", *around]]
    assert fakes.calls == calls
    assert fakes.run("set_up.sh", "tpu", f"--venv={venv}").returncode == 0
    assert fakes.calls == calls, "what is set up is not set up again"
    for kind in ("cpu", "tpu"):
        assert fakes.run("set_up.sh", kind, f"--venv={venv}").returncode == 0
    assert fakes.calls[-2:] == calls[1:], "another kind has overwritten it"


def test_devices(capsys):
    specification = importlib.util.spec_from_file_location("devices", LAUNCH / "devices.py")
    devices = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(devices)
    devices.check("CPU", 2)
    assert capsys.readouterr().out.startswith("2 CPU(s): ")
    with pytest.raises(SystemExit, match=r"at least 3 CPU\(s\).*found 2"):
        devices.check("CPU", 3)


def slurm(fakes, *options, nodes="2", restarts="0"):
    variables = {"SLURM_SUBMIT_DIR": str(LAUNCH.parent), "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": nodes}
    return fakes.run("slurm.sbatch", *options, "--", *ODD, SLURM_RESTART_COUNT=restarts, **variables)


@pytest.mark.parametrize(("nodes", "strategy"), [("1", []), ("2", ["--strategy=multi_worker"])])
def test_slurm_commands(fakes, nodes, strategy):
    assert slurm(fakes, nodes=nodes).returncode == 0
    srun = ["srun", "--ntasks-per-node=1"]
    assert fakes.calls == [
        [*srun, ".venv/bin/python", "launch/devices.py", "GPU"],
        [
            *[*srun, "--kill-on-bad-exit=0", "--wait=180", "launch/slurm_task.sh", ".launch/slurm-7"],
            *[".venv/bin/python", "-m", "sagan_tf.train", *strategy, *ODD],
        ],
    ]


@pytest.mark.parametrize(("code", "restarts", "requeued"), [(75, "0", 1), (137, "0", 1), (2, "0", 0), (75, "100", 0)])
def test_slurm_queues_an_interrupted_job_again(fakes, code, restarts, requeued):
    fakes.behave("srun", f"[[ $* != *sagan_tf.train* ]] || exit {code}")
    assert slurm(fakes, restarts=restarts).returncode == code
    assert fakes.calls.count(["scontrol", "requeue", "7"]) == requeued


@pytest.mark.parametrize(
    ("codes", "code"), [((2, 75), 2), ((75, 2), 2), ((75, 75), 75), ((75, 1, 75), 1), ((0, 75), 75), ((0, 0), 0)]
)
def test_slurm_does_not_queue_a_job_again_in_which_one_worker_failed(fakes, codes, code):
    """srun returns the highest of the tasks' codes; a worker that fails leaves the others with 75."""
    fakes.behave("python", "exit ${CODE-0}")
    tasks = "".join(f'SLURM_PROCID={i} CODE={c} "${{task[@]}}" || codes+=($?)\n' for i, c in enumerate(codes))
    fakes.behave(
        "srun",
        '[[ $* == *sagan_tf.train* ]] || exit 0\ntask=("${@:4}") codes=(0)\n'
        + tasks
        + 'printf \'%s\\n\' "${codes[@]}" | sort -n | tail -1 >"$FAKES/highest"; exit $(<"$FAKES/highest")',
    )
    found = slurm(fakes, fakes.python, nodes=str(len(codes)))
    assert found.returncode == code, found.stderr
    assert fakes.calls.count(["scontrol", "requeue", "7"]) == (code == 75)
    assert not (LAUNCH.parent / ".launch" / "slurm-7").exists()


def test_slurm_refuses_another_directory(fakes, tmp_path):
    found = fakes.run("slurm.sbatch", "--", "--run_dir=r", SLURM_SUBMIT_DIR=str(tmp_path))
    assert found.returncode == 2 and "submitted from the checkout" in found.stderr
