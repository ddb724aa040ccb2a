"""Tables: the right run in the right row, and never two protocols in one table."""

import json

import pytest

from sagan_tf import evaluate
from sagan_tf.evaluation.paper_tables import PAPER_TABLES
from sagan_tf.evaluation.table_layout import paper_table, runs_table

PROTOCOL = {
    "extractor": "inception-2015-12-05",
    "extractor_hash": "abc",
    "resize": "tf1-bilinear 299",
    "resolution": 128,
    "encoding": "uint8, rounded",
    "n_generated": 50_000,
    "reference": "imagenet",
    "reference_fingerprint": "f",
    "n_real": 1_281_167,
    "step": 1_000_000,
    "truncation": None,
}


@pytest.fixture
def run(tmp_path):
    def make(name, *records, **protocol):
        folder = tmp_path / name
        folder.mkdir()
        lines = [
            json.dumps({**metrics, "protocol": {**PROTOCOL, **protocol, "step": step}}) for step, metrics in records
        ]
        (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
        return str(folder)

    return make


def row(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_every_tables_rows_have_a_value_a_column():
    for table in PAPER_TABLES.values():
        assert {len(values) for values in table.rows.values()} == {len(table.columns)}


def test_measured_stands_beside_the_papers_and_missing_is_said(run):
    text = paper_table("sagan_table1", [run("sagan_feat_64", (1_000_000, {"fid": 19.111, "is_one_split": 50.0}))])
    assert row(text, "sagan_feat_64") == ["19.11 (18.65)", "50 (52.52)", "1,000,000"]
    assert row(text, "no_attention") == ["missing (22.96)", "missing (42.87)", "-"]
    assert "NOT THE PAPER'S" not in text


def test_the_last_record_counts_and_differences_to_the_paper_are_marked(run):
    folder = run("a", (500, {"fid": 90.0}), (900, {"fid": 80.0}), (900, {"is_one_split": 3.0}), n_generated=1000)
    text = paper_table("sagan_table1", [f"residual_feat_8={folder}"])
    assert row(text, "residual_feat_8") == ["80 † (42.13)", "3 † (23.17)", "900"]
    assert "NOT THE PAPER'S PROTOCOL: n_generated is 1000, in the paper 50000." in text
    assert "NOT THE PAPER'S PROTOCOL: step is 900, in the paper 1000000." in text


def test_columns_of_a_step_take_that_step(run):
    folder = run("sn_on_g_d", (10_000, {"fid": 95.0}), (260_000, {"fid": 70.0}))
    cells = row(paper_table("sagan_figure3", [folder]), "sn_on_g_d")
    assert cells == ["95 (93.52)", "missing (33.39)", "70 (72.41)", "missing", "10,000, 260,000"]


def test_several_runs_of_a_row_give_mean_and_deviation(run):
    folders = [f"attention={run(f'run{i}', (9, {'fid': fid}))}" for i, fid in enumerate((1.0, 2.0, 6.0))]
    assert row(runs_table(folders, ["fid"]), "attention") == ["3 ± 2.6", "9"]


def test_two_protocols_never_share_a_table(run):
    folders = [run("no_attention", (9, {"fid": 1.0})), run("sagan_feat_64", (9, {"fid": 2.0}), extractor_hash="xyz")]
    with pytest.raises(ValueError, match="extractor_hash='abc' and 'xyz'"):
        paper_table("sagan_table1", folders)


def test_a_column_of_a_class_takes_that_class_by_name_or_synset(run, tmp_path):
    by_class = [10.0 * i for i in range(4)]
    for name, classes in (
        ("sagan_128", ["n00000000", "n01443537", "n09288635", "n0"]),
        ("sngan_projection_128", ["cat", "dog", "goldfish", "cow"]),
    ):
        run(name, (9, {"intra_fid_by_class": by_class}))
        (tmp_path / name / "run.json").write_text(json.dumps({"data": {"class_names": classes}}))
    text = paper_table("sagan_figure6", [str(tmp_path / "sagan_128"), str(tmp_path / "sngan_projection_128")])
    assert "| goldfish, measured (paper) |" in text
    cells = row(text, "sagan_128")
    assert (cells[0], cells[1], cells[6], cells[-1]) == ("10 (44.4)", "missing (53)", "20 (21.6)", "9")
    assert row(text, "sngan_projection_128")[0] == "20 (58.1)"


def test_truncated_samples_have_tables_of_their_own(run):
    folder = run("sagan_128", (9, {"fid": 30.0}))
    with open(f"{folder}/metrics.jsonl", "a") as file:
        file.write(json.dumps({"fid": 5.0, "protocol": {**PROTOCOL, "step": 9, "truncation": 0.5}}) + "\n")
    assert row(paper_table("sagan_table2", [folder]), "sagan_128")[2] == "30 (18.65)"
    assert row(runs_table([folder], ["fid"]), "sagan_128") == ["30", "9"]
    assert row(runs_table([folder], ["fid"], truncation=0.5), "sagan_128") == ["5", "9"]
    earlier = run("earlier", (8, {"fid": 40.0}))
    assert row(runs_table([folder, earlier], ["fid"], step=8), "sagan_128") == ["missing", "-"]
    with pytest.raises(ValueError, match=r"received --step=7\. There are results of 8, 9"):
        runs_table([folder, earlier], ["fid"], step=7)


def test_a_curves_points_stand_beside_biggans(run):
    points = {"no_truncation_fid": 9.0, "no_truncation_is": 90.0, "validation_is_fid": 11.0}
    curve = {"truncation": [None, 1.0], "truncation_mode": "resampled", "statistics": "standing"}
    folders = [run("biggan_128", (9, points), **curve), run("biggan_256", (9, points), resolution=256, **curve)]
    text = paper_table("biggan_table2", folders)
    expected = ["9 (8.7)", "90 (98.8)", "missing (7.7)", "missing (126.5)", "11 (9.6)", "missing (166.3)"]
    assert row(text, "biggan_128")[:6] == expected and row(text, "biggan_256")[0] == "9 (8.7)"
    assert "unconfirmed" in text and "NOT THE PAPER'S" not in text


def test_other_statistics_are_another_protocol(run):
    folders = [run("a", (9, {"fid": 1.0}), statistics="moving"), run("b", (9, {"fid": 2.0}), statistics="standing")]
    with pytest.raises(ValueError, match="statistics='moving' and 'standing'"):
        runs_table(folders, ["fid"])


def test_unknown_tables_rows_and_runs_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="received --table='table9'"):
        paper_table("table9", [])
    with pytest.raises(ValueError, match="received row=mine"):
        paper_table("sagan_table1", [run("mine", (9, {"fid": 1.0}))])
    with pytest.raises(ValueError, match=r"without metrics\.jsonl"):
        paper_table("sagan_table1", [str(tmp_path)])


def test_the_verb_prints_the_table(run, capsys):
    folder = run("sagan_128", (7, {"fid": 20.0}))
    assert evaluate.main(["--table=sagan_table2", f"--run_dirs={folder}"]) == 0
    assert row(capsys.readouterr().out, "sagan_128") == ["missing (52.52)", "missing (83.7)", "20 (18.65)", "7"]


def test_a_metric_of_several_numbers_has_a_column_for_each_and_an_unknown_one_is_refused(run):
    numbers = {"precision": 0.5, "recall": 0.25, "density": 0.75, "coverage": 1.0}
    spread = {"shape_variety": 0.9, "shape_variety_by_class": [0.9, None], "feature_variety": 0.8, "distinct_shapes": 1}
    folder = run("sagan_128", (9, numbers | spread))
    assert row(runs_table([folder], ["pr"]), "sagan_128") == ["0.5", "0.25", "0.75", "1", "9"]
    assert row(runs_table([folder], ["variety", "recall"]), "sagan_128") == ["0.9", "0.8", "1", "0.25", "9"]
    assert row(runs_table([folder], ["kid"]), "sagan_128") == ["missing", "-"]
    with pytest.raises(ValueError, match=r"received --metrics='fdi'\. Did you mean 'fid'\?"):
        runs_table([folder], ["fdi"])


def test_the_path_of_a_run_may_hold_an_equals_sign(run):
    folder = run("rate=0.1", (9, {"fid": 3.0}))
    assert row(runs_table([folder], ["fid"]), "rate=0.1") == ["3", "9"]
    assert row(runs_table([f"slow={folder}"], ["fid"]), "slow") == ["3", "9"]
