"""benchmarks/compile_for.py without its compilers: flags, targets, environments, the search, listings, reports."""

import importlib
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
GIN = "--gin_file=gin/quickstart.gin"

# An optimized program as libtpu writes it, by hand: a loop of four trips with a fusion in it, after an update by Adam
# of one branch, and a sum over replicas.
LISTING = """\
HloModule step, is_scheduled=true, input_output_alias={ {1}: (1, {}, may-alias), {2}: (2, {}, may-alias) }, layout={()}

%fused (p: bf16[8,256]) -> f32[8,8] {
  %p = bf16[8,256]{1,0:T(8,128)(2,1)} parameter(0)
  ROOT %product = f32[8,8]{1,0:T(8,128)} convolution(%p, %p), dim_labels=bf_oi->bf
}

%body (s: (s32[], f32[8,8])) -> (s32[], f32[8,8]) {
  %s = (s32[], f32[8,8]{1,0:T(8,128)}) parameter(0)
  %rows = bf16[8,256]{1,0:T(8,128)(2,1)} get-tuple-element(%s), index=1
  %scores = f32[8,8]{1,0:T(8,128)} fusion(%rows), kind=kOutput, calls=%fused, metadata={op_name="d/map/while/MatMul"}, \
backend_config={"window_config":{"estimated_cycles":"100"}}
  ROOT %t = (s32[], f32[8,8]{1,0:T(8,128)}) tuple(%s, %scores)
}

%condition (s.1: (s32[], f32[8,8])) -> pred[] {
  %s.1 = (s32[], f32[8,8]{1,0:T(8,128)}) parameter(0)
  %n = s32[] constant(4)
  ROOT %less = pred[] compare(%s.1, %n), direction=LT
}

%apply (a: f32[100]) -> f32[100] {
  %a = f32[100]{0:T(128)} parameter(0)
  ROOT %adam = f32[100]{0:T(128)} add(%a, %a), metadata={op_name="cond/ResourceApplyAdam"}, \
backend_config={"estimated_cycles":"70"}
}

%undo (b: f32[100]) -> f32[100] {
  ROOT %copy = f32[100]{0:T(128)} copy(%b), backend_config={"estimated_cycles":"5"}
}

ENTRY %main (x: f32[100]) -> f32[100] {
  %x = f32[100]{0:T(128)} parameter(0)
  %image = f32[100]{0:T(128)S(1)} copy(%x), metadata={op_name="g/batch_norm/moments/mean"}, \
backend_config={"estimated_cycles":"30"}
  %loop = (s32[], f32[8,8]{1,0:T(8,128)}) while(%x), condition=%condition, body=%body
  %sum = f32[100]{0:T(128)} all-reduce(%image), replica_groups={{0,1}}, to_apply=%undo
  ROOT %chosen = f32[100]{0:T(128)} conditional(%sum, %sum, %x), branch_computations={%undo, %apply}
}
"""


@pytest.fixture(scope="module")
def scripts():
    """The script and its modules by name, as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        names = ("compile_for", "compilation.compilations", "compilation.environment", "compilation.listing",
                 "compilation.report", "compilation.targets")  # fmt: skip
        yield SimpleNamespace(**{name.rpartition(".")[2]: importlib.import_module(name) for name in names})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--target=v7e", "--target must be one of v3, v4, v5e, v5p, v6e, A100, H100"),
        ("--target=v5e:3x3", "the topology of v5e must be one of 1x1, 2x2, 2x4"),
        ("--target=v5e:2x2 --replicas=8 --batch=64", "--replicas must not exceed the devices of v5e:2x2, 4"),
        ("--target=H100 --replicas=2", "--replicas must be 1 for a GPU"),
        ("--target=H100:2x2", "--target must be a GPU's name alone"),
        ("--target=v5e --replicas=0", "--replicas=0"),
        ("--target=v5e --replicas=8 --batch=12", "--batch must be a multiple of 8"),
        ("--target=v5e --batch=0", "--batch=0"),
        ("--target=v5e --batch=6 --gin_bindings=train.accumulation=4", "--batch must be a multiple of 4"),
        ("--target=v5e --environment=tests", "--environment must be a new folder"),
        ("--target=v5e --gin_bindings=train.batch=4", "train.batch"),
        ("--batch=4", "--target"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_before_any_work(scripts, flags, said, capsys):
    try:
        code = scripts.compile_for.main([GIN, *flags.split()])
    except SystemExit as stop:
        code = stop.code
    err = capsys.readouterr().err.splitlines()
    assert code == 2 and err[-1].startswith("error: ") and said in err[-1] and "TRACEBACK" not in err[-1]


def test_targets(scripts):
    parse = scripts.targets.parse
    assert [parse("V5E", n).name for n in (1, 2, 8, 9, 256)] == [
        f"v5e:{t}" for t in ("1x1", "2x2", "2x4", "4x4", "16x16")
    ]
    assert parse("v3", 8).name == "v3:2x2" and parse("v3", 8).chips == 4  # two cores a chip
    assert parse("v4", 4).chips == 4 and parse("h100").name == "H100"


def test_an_environment_that_cannot_be_installed_is_refused_and_removed(scripts, monkeypatch, tmp_path):
    def offline(command, **_):
        failed = "pip" in command
        return subprocess.CompletedProcess(command, int(failed), "", "WARNING: retrying\nERROR: no index\n" * failed)

    monkeypatch.setattr(subprocess, "run", offline)
    with pytest.raises(scripts.environment.SetUpError, match=r"libtpu==0\.0\.52 can be installed; received 'ERROR: no"):
        scripts.environment.prepare(tmp_path / "new", "tpu", lambda line: None)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_someone_else_is_left_alone(scripts, tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(scripts.environment.SetUpError, match="holds something else"):
        scripts.environment.prepare(tmp_path, "tpu", lambda line: None)
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_second_compilation_waits_and_says_so(scripts, tmp_path, monkeypatch):
    said, locked = [], [BlockingIOError]

    def flock(file, how):
        if locked:
            raise locked.pop()

    monkeypatch.setattr(scripts.environment.fcntl, "flock", flock)
    with scripts.environment.alone(tmp_path / "tpu", said.append):
        assert len(said) == 1 and "waiting" in said[0]


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize(("fixed", "each", "step"), [(2, 0.1, 8), (0, 1, 1), (1, 3.9, 1), (15.5, 0.01, 4), (16, 1, 1)])
def test_the_largest_batch_that_fits_is_found_in_few_tries(scripts, fixed, each, step, says):
    tries = []

    def compiled(images):
        tries.append(images)
        need = fixed + each * images + 0.02 * each * (images % 3)
        if need <= 16:
            return {"fits": True, "memory": {"total": need}}
        return {"fits": False} | ({"needed_bytes": need} if says else {})

    known = {0: fixed, 256: fixed + each * 256}
    found = scripts.compilations.largest(compiled, known, refused=256, step=step, capacity=16)
    expected = max((n for n in range(step, 256, step) if compiled(n)["fits"]), default=None)
    assert (found and found[0]) == expected
    assert says is False or len(tries) - 255 // step <= 5


def test_a_listing_by_hand(scripts):
    listing = scripts.listing
    program = listing.parse(LISTING)
    run = listing.executed(program)
    assert listing.total_cycles(run) == 30 + 4 * 100 + 70  # of the conditional, the branch that takes longest
    parts = {}
    for name, cycles in listing.parts_of(program):
        parts[name] = parts.get(name, 0) + cycles
    assert parts == {"batch norms": 30, "attention": 400, "optimizer": 70}
    assert listing.aliased(program) == 2 and listing.reductions(program) == 1
    assert dict(listing.products(program)) == {("matrix product", "bf16"): 1}
    assert listing.dynamic_dimensions(LISTING) == 0 and listing.dynamic_dimensions("f32[<=8,4]{1,0}") == 1
    assert listing.without_estimate(run) == 0
    kernel = LISTING.replace(
        " fusion(%rows), kind=kOutput", ' custom-call(%rows), custom_call_target="tpu_custom_call"'
    )
    unknown = listing.executed(listing.parse(kernel.replace('"estimated_cycles":"100"', "")))
    assert listing.without_estimate(unknown) == 4  # a kernel in the loop of four trips
    # x is read from the memory; its copy lives in the chip's own, S(1), and only the sum is written back
    in_memory = 4 * 128
    attention = 8 * 256 * 2 + 8 * 128 * 4  # 8 by 8 values fill a tile of 8 by 128
    assert listing.moved_bytes(program, run) == in_memory + 4 * attention + in_memory + 3 * in_memory


def test_bytes_of_arrays_and_tuples(scripts):
    size = scripts.listing.bytes_of
    assert size("bf16[32,128,128,3]{0,3,2,1:T(4,128)(2,1)}") == 128 * 128 * 4 * 128 * 2
    assert size("(f32[10]{0}, /*index=1*/s8[3,5]{1,0})") == 55
    assert size("f32[]{:T(128)}") == 4 and size("f32[64]{0:T(64)S(1)}") == 0


@pytest.mark.parametrize(
    "figures",
    [
        "Ran out of memory in memory space hbm. Used 34.50G of 15.75G hbm. Exceeded hbm capacity by 18.75G.",
        "CompileTimeHbmOom: the memory required for HLO temporaries (34.50G) exceeds available HBM (15.75G). See",
    ],
)
def test_the_compilers_refusal(scripts, figures):
    found = scripts.compilations._refused({"error": f"RESOURCE_EXHAUSTED: {figures}\n\nTotal ...", "cpu_seconds": 1.0})
    assert found["refusal"] == f"RESOURCE_EXHAUSTED: {figures}" and not found["fits"]
    assert found["needed_bytes"] == 34.5 * 2**30 and found["available_bytes"] == 15.75 * 2**30


def facts(scripts, **changes):
    program = {"operations": 9, "bytes": 2e9, "products": {"convolution bf16": 3}, "all_reduces": 0}
    program |= {"host_operations": 0, "dynamic_dimensions": 0, "milliseconds": 90.0, "parts": {"attention": 90.0}}
    memory = {"argument": 3e9, "output": 2.1e9, "alias": 2e9, "temp": 1e9, "generated_code": 1e8, "total": 4.2e9}
    found = {"fits": True, "compile_cpu_seconds": 7.0, "memory": memory, "program": program, **changes}
    settings = (
        importlib.import_module("sagan_tf.experiment").load(["gin/sagan_128.gin", "gin/hardware/tpu.gin"], []).value
    )
    target = scripts.targets.parse("v3:2x2")
    return scripts.report.record(settings, target, 32, found, state_bytes=int(2e9), effort="default")


def test_the_report_plans_the_whole_run_and_says_that_nothing_was_run(scripts):
    found = facts(scripts)
    assert found["run"]["devices"] == 8 and found["run"]["hours"] == pytest.approx(1e6 * 0.090 / 3600)
    assert found["run"]["chip_hours"] == pytest.approx(4 * found["run"]["hours"])  # two cores of v3 a chip
    text = scripts.report.text(found)
    assert "32 images, 1 update(s) of D, bfloat16, compiles for v3:2x2" in text
    assert "Nothing was run" in text and "libtpu" in text.splitlines()[-1]
    assert "all                                       4.200 GB  of 17.2 GB: 24%" in text


def test_the_report_of_a_refusal_has_the_compilers_words_and_what_fits(scripts):
    found = facts(scripts)
    refused = {key: value for key, value in found.items() if key not in ("memory", "program")}
    largest = {"images_per_replica": 24, "in_steps_of": 2, "memory": {"total": 15e9}}
    text = scripts.report.text(refused | {"fits": False, "refusal": "no\nmemory", "largest": largest})
    assert "is refused" in text and "  no\n  memory" in text
    assert "in steps of 2: 24 images per replica, which need 15.00 GB." in text
