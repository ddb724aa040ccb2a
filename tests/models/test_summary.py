"""The text table of an architecture, and the algorithms that its work is counted for."""

from sagan_tf.layers.resampling import FUSED_SIDES
from sagan_tf.models import families
from sagan_tf.models.cost import Algorithms
from sagan_tf.models.parts import Numerics
from sagan_tf.models.summary import algorithms_of, table


def test_forms_follow_the_options():
    auto = algorithms_of(Numerics(), 128)
    assert (auto.fused_up, auto.fused_down) == (FUSED_SIDES, FUSED_SIDES)
    plain = algorithms_of(Numerics(resampling="plain", attention="plain"), 128)
    assert plain == Algorithms()
    fused = algorithms_of(Numerics(resampling="fused", attention="blocked"), 128)
    assert {4, 8, 16, 32, 64} <= set(fused.fused_up) & set(fused.fused_down) and fused.blocked_from == 0


def test_columns_line_up_whatever_the_stages_are_called():
    spec = families.sagan(resolution=32, attention=(16,)).with_classes(1)
    lines = table(spec).splitlines()
    assert lines[0] == "32x32, 1 class, z 128"
    rows = [line for line in lines[2:] if line and not line.startswith("Both")]
    assert any("ReLU, sum, projection head" in row for row in rows)
    assert len({len(row) for row in rows}) == 1  # every column is right-aligned, so that all lines end together
