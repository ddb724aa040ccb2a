"""The paired tests on values worked out by hand; the table pairs by seed; the stored measures are whole."""

import math
from pathlib import Path

import attention_claim
import pytest

from sagan_tf.foundation import jsonl


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], 2 / 32),  # no other pattern but its negative reaches 15
        ([1.0, 2.0, 3.0, 4.0, -1.0], 6 / 32),  # |sum| of at least 9: signs of the two 1s free while 2 + 3 + 4 agree
        ([1.0, -1.0], 1.0),
        ([0.3], 1.0),
    ],
)
def test_the_sign_flip_test_counts_patterns(differences, p):
    assert attention_claim.sign_flip_p(differences) == pytest.approx(p)


def test_the_t_test_is_students():
    """For two differences t = (a + b) / |a - b|, and with one degree of freedom p = 1 - 2 atan(t) / pi."""
    assert attention_claim.t_test_p([1.0, 3.0]) == pytest.approx(1 - 2 * math.atan(2.0) / math.pi)


def record(arm, seed, agreement):
    numbers = dict.fromkeys(attention_claim.MEASURES, 0.5) | {"long_range_agreement": agreement}
    return {"arm": arm, "seed": seed, "steps": 2500, **numbers, "agreement_by_class": {"eyes": agreement}}


def test_the_table_pairs_by_seed():
    """Seed 2 has no partner without attention, and does not count in the difference; one pair has no p-value."""
    records = [record("claim-attention", seed, value) for seed, value in enumerate((0.6, 0.7, 0.1))]
    records += [record("claim-none", 1, 0.4), record("claim-none", 0, 0.5), record("claim-residual", 0, 0.8)]
    rows = {line.split(" | ")[0].strip("| "): line for line in attention_claim.table(records).splitlines()}
    row = rows["long-range agreement"]
    assert "0.467 ± 0.321" in row and "+0.200 (n = 2) | 0.5 |" in row and "-0.200 (n = 1) |  |  |" in row
    assert "+0.200 (n = 2)" in rows["agreement of eyes"]


def test_the_page_has_the_table_of_the_stored_measures():
    page = Path(__file__).parents[2] / "docs" / "attention.md"
    assert attention_claim.table(jsonl.read(attention_claim.STORED)) in page.read_text(encoding="utf-8")


def test_the_stored_measures_are_whole():
    records = jsonl.read(attention_claim.STORED)
    assert {r["steps"] for r in records} == {2500} and {r["arm"] for r in records} == set(attention_claim.ARMS)
    assert len({(r["arm"], r["seed"]) for r in records}) == len(records)
    for one in records:
        assert list(one["agreement_by_class"]) == ["eyes", "wings", "rings", "corners", "arrows"]
        by_class = sum(one["agreement_by_class"].values()) / 5
        assert by_class == pytest.approx(one["long_range_agreement"], abs=0.03)  # other samples of the same run
