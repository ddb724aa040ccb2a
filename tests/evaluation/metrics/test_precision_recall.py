"""Precision and recall, density and coverage: known cases, and equality with plain loops."""

import numpy as np
import pytest

from sagan_tf.evaluation.metrics.precision_recall import precision_recall

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(310, 6)), RNG.normal(loc=0.4, size=(290, 6))


def test_a_set_against_itself_is_perfect():
    result = precision_recall(REAL, REAL.copy())
    assert (result.precision, result.recall, result.coverage) == (1, 1, 1)
    assert result.density == pytest.approx(1, abs=0.35)


def test_disjoint_sets_share_nothing():
    result = precision_recall(REAL, FAKE + 100)
    assert (result.precision, result.recall, result.density, result.coverage) == (0, 0, 0, 0)


def test_a_dropped_mode_costs_recall_and_coverage_but_not_precision():
    modes = np.concatenate([REAL, RNG.normal(loc=50, size=(310, 6))])
    result = precision_recall(modes, RNG.normal(size=(400, 6)))
    assert result.precision > 0.9 and result.recall < 0.5 and result.coverage < 0.52


@pytest.mark.parametrize(("k", "k_density"), [(3, 5), (2, 1)])
def test_all_four_equal_plain_loops(k, k_density):
    def distances(a, b):
        return np.array([[np.linalg.norm(x - y) for y in b] for x in a])

    real, fake = REAL[:60], FAKE[:50]
    real_radii = {j: np.sort(distances(real, real))[:, j] for j in (k, k_density)}
    fake_radii = np.sort(distances(fake, fake))[:, k]
    across = distances(fake, real)
    result = precision_recall(real, fake, k=k, k_density=k_density)
    assert result.precision == pytest.approx((across <= real_radii[k]).any(1).mean())
    assert result.recall == pytest.approx((across <= fake_radii[:, None]).any(0).mean())
    assert result.density == pytest.approx((across <= real_radii[k_density]).sum() / (k_density * 50))
    assert result.coverage == pytest.approx((across <= real_radii[k_density]).any(0).mean())


def test_distances_survive_a_far_origin():
    assert precision_recall(REAL, FAKE) == precision_recall(REAL + 1e6, FAKE + 1e6)


def test_too_few_images_for_a_neighbor_are_refused():
    with pytest.raises(ValueError, match="more than 5 images per side; received counts=310, 5"):
        precision_recall(REAL, FAKE[:5])


@pytest.mark.parametrize("repeats", [1, 7])
def test_borders_and_repeated_images_do_not_depend_on_rounding(repeats):
    rng = np.random.default_rng(0)
    once = np.abs(rng.normal(size=(523 // repeats, 100))).astype(np.float32)
    real = np.repeat(once, repeats, axis=0)
    found = precision_recall(real, real[rng.permutation(len(real))])
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx({1: 6, 7: 7}[repeats] / 5, abs=1e-12)  # each ball, with its border


def test_integers_of_numpy_count_neighbors():
    assert precision_recall(REAL, FAKE, k=np.int64(3), k_density=np.int32(5)) == precision_recall(REAL, FAKE)


@pytest.mark.parametrize("options", [{"k": 0}, {"k_density": 0}, {"k": 1.5}, {"k": True}])
def test_neighbors_must_be_counted(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be an integer of at least 1"):
        precision_recall(REAL, FAKE, **options)
