"""The memory estimate's arithmetic; benchmarks/memory.py compares it with real runs."""

import dataclasses

import pytest

from sagan_tf.models import families, memory
from sagan_tf.models.cost import Forms, discriminator_costs, generator_costs, total

SPEC = families.sagan(32, attention=(16,)).with_classes(10)
FORMS = Forms()


def test_the_state_is_exact():
    g, d = SPEC.generator_parameters, SPEC.discriminator_parameters
    assert memory.training_memory(SPEC, FORMS, batch_size=1).state == 4 * 3 * (g + d)
    assert memory.training_memory(SPEC, FORMS, batch_size=1, averaged=True).state == 4 * (3 * (g + d) + g)


def test_activations_grow_with_the_batch_alone():
    one, four = (memory.training_memory(SPEC, FORMS, batch_size=b) for b in (1, 4))
    assert four.activations == pytest.approx(4 * one.activations, abs=4)
    assert dataclasses.replace(four, activations=0) == dataclasses.replace(one, activations=0)
    assert four.total == four.process + four.state + four.weights + four.activations


@pytest.mark.parametrize(("width", "discriminator_width", "twice"), [(64, 8, False), (8, 64, True)])
def test_the_larger_of_the_two_updates_counts(width, discriminator_width, twice):
    spec = families.sagan(32, width=width, discriminator_width=discriminator_width, attention=()).with_classes(10)
    g, d = (total(f(spec, FORMS)).kept_bytes("float32") for f in (generator_costs, discriminator_costs))
    kept = 2 * d if twice else g + d
    assert kept == max(2 * d, g + d)
    found = memory.training_memory(spec, FORMS, batch_size=3).activations
    assert found == pytest.approx(memory.PER_ACTIVATION * 3 * kept, abs=1)


def test_sixteen_bits_save_less_than_half():
    full, half = (memory.training_memory(SPEC, FORMS, batch_size=8, precision=p) for p in ("float32", "bfloat16"))
    assert full.activations / 2 < half.activations < full.activations
    assert full.state == half.state and full.weights > half.weights
