"""The table of Figure 3's arms takes each run's last checkpoint and FID on the way; the page has it."""

from pathlib import Path

import figure3
import markdown_table
import pytest

from sagan_tf.foundation import jsonl


def record(step, fid):
    return {"arm": "figure3-sn-d", "seed": 1, "step": step, **dict.fromkeys(figure3.MEASURES, 0.5), "fid": fid}


def test_a_row_has_the_last_checkpoint_and_fid_on_the_way():
    rows = figure3.table([record(1600, 90.0), record(800, 1234.0), record(400, 3.0), record(2500, 80.4)]).splitlines()
    assert rows[2:] == ["| SN on D, rates 7e-4 and 7e-4 | 1 | 80 | 0.500 | 0.500 | 0.500 | 0.50 | 1,234, 90 |"]


def test_a_table_is_replaced_where_its_head_stands(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("One.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n| c | d |\n| --- | --- |\n", encoding="utf-8")
    markdown_table.replace_table(page, "a | b", markdown_table.markdown_table(["a", "b"], [["3", "4"], ["5", "6"]]))
    assert page.read_text(encoding="utf-8") == (
        "One.\n\n| a | b |\n| --- | --- |\n| 3 | 4 |\n| 5 | 6 |\n\n| c | d |\n| --- | --- |\n"
    )
    with pytest.raises(ValueError, match="must have one table"):
        markdown_table.replace_table(page, "e", "")


def test_the_page_has_the_table_of_the_stored_measures():
    page = Path(__file__).parents[2] / "docs" / "attention.md"
    assert figure3.table(jsonl.read(figure3.STORED)) in page.read_text(encoding="utf-8")
