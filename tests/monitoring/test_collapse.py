"""The alarm: scripted runs that collapse raise it in time, healthy and noisy ones never."""

from dataclasses import replace

import numpy as np
import pytest

from sagan_tf.monitoring.collapse import PATIENCE, MonitorOptions, has_collapsed, last_healthy_step, remembered, signs
from sagan_tf.monitoring.distances import Distances
from sagan_tf.monitoring.health_records import HealthRecord


def record(step, d_loss=None, sigma=2.0, overall=0.6, within=0.4, shape=None, ratio=1.1):
    """A record of a run that moves: D's loss is about 1.5, and sigma_0 wavers by less than a percent."""
    d_loss = 1.5 + 0.02 * (step // 100 % 3 - 1) if d_loss is None else d_loss
    sigma *= 1 + 0.001 * (step // 25 % 7)
    return HealthRecord(
        step=step,
        d_loss=d_loss,
        g_loss=0.0,
        distances=Distances(overall=overall, within_class=within, nearest=0.1, duplicates=0.0),
        spectra={"generator.dense": [sigma, sigma / ratio, 0.5], "discriminator.blocks.0.conv_1": [sigma, 1.0, 0.5]},
        relative={} if shape is None else {"shape": shape, "within_class": 0.9, "nearest": 0.8},
    )


def watch(records):
    """The records with their signs, as a run makes them."""
    seen = []
    for one in records:
        one = replace(one, signs=signs(one, remembered(seen)))
        seen.append(replace(one, collapsed=has_collapsed(one, remembered(seen))))
    return seen


def alarms(records):
    return [one.step for one in watch(records) if one.collapsed]


HEALTHY = [record(100 * i, shape=0.9) for i in range(1, 13)]


def test_a_constant_generator_and_a_loss_of_zero_raise_it_in_three_records():
    constant = [record(1200 + 100 * i, d_loss=0.0, overall=0.0, within=0.0) for i in range(1, 9)]
    assert alarms(HEALTHY + constant) == [1200 + 100 * PATIENCE]
    assert alarms(constant) == [1200 + 100 * PATIENCE], "from the first record on as well"


def test_the_papers_signs_raise_it():
    exploding = [record(1200 + 100 * i, d_loss=3.0, sigma=2.0 * 3**i) for i in range(1, 5)]
    seen = watch(HEALTHY + exploding)
    assert [one.step for one in seen if one.collapsed] == [1500]
    assert "generator.dense" in seen[-1].signs[0] and "jumped from 1.51 to 3" in seen[-1].signs[1]


def test_collapse_within_classes_is_seen():
    alike = [record(1200 + 100 * i, d_loss=4.0, within=0.05) for i in range(1, 4)]
    assert alarms(HEALTHY + alike) == [1500]


# A run of the 32 px networks at rates of 7e-4 and 2e-3, recorded every 100 steps; by step 650 half of its variety is
# gone.
SLOW = {
    "shape": (0.95, 0.93, 0.9, 0.79, 0.68, 0.57, 0.45, 0.34),
    "ratio": (1.03, 1.05, 1.07, 1.09, 1.3, 1.55, 1.9, 2.2),
}


def test_variety_that_is_lost_slowly_raises_it():
    records = [record(100 + 100 * i, shape=SLOW["shape"][i], ratio=SLOW["ratio"][i]) for i in range(8)]
    seen = watch(records)
    assert seen[5].signs == (
        "sigma_0 of generator.dense is 1.55 times sigma_1: one direction of z dominates the others",
        "variety of shape within classes is 57% of the data's, and was 95%",
    )
    assert [one.step for one in seen if one.collapsed] == [700], "47% of the most there was"


def test_a_loss_slower_than_what_is_remembered_raises_it_as_well():
    declining = [record(100 * i, shape=max(0.3, 1 - 0.01 * i), ratio=1 + 0.02 * i) for i in range(1, 60)]
    assert alarms(declining) == [3300], "two signs from the record where variety is below 0.7 of its most"


def test_variety_that_is_not_learned_yet_or_beyond_the_datas_is_no_loss():
    learning = [record(100 * i, shape=min(1.6, 0.05 * i), ratio=2.0) for i in range(1, 40)]
    back_to_the_data = [record(4000 + 100 * i, shape=1.6 - 0.1 * i, ratio=2.0) for i in range(1, 8)]
    assert alarms(learning + back_to_the_data) == []


def test_an_uneven_first_layer_is_no_sign_while_variety_is_whole():
    assert all(not one.signs for one in watch([record(100 * i, shape=0.95, ratio=2.5) for i in range(1, 30)]))


def test_a_run_that_stands_still_raises_it():
    still = [replace(record(25 * i, d_loss=2.0, shape=0.95), spectra=HEALTHY[0].spectra) for i in range(1, 12)]
    assert watch(still)[5].signs == ("D's loss is constant at 2", "G does not change: no kernel's sigma_0 has changed")
    assert alarms(still) == [200]


def test_a_discriminator_worse_than_guessing_raises_it_when_variety_goes():
    dead = [record(25 * i, d_loss=15.0, shape=max(0.05, 0.6 - 0.1 * i)) for i in range(1, 8)]
    assert watch(dead)[2].signs[0] == "D's loss is 15: it is worse than guessing"
    assert alarms(dead) == [100], "shape is 0.2 there, and was 0.5"


def test_halved_variety_raises_it_whatever_the_spectra_say():
    """At once, and once per sequence, however long it lasts."""
    whole = [record(100 * i, shape=0.9) for i in range(1, 9)]
    gone = [record(1000 + 100 * i, shape=0.2) for i in range(30)]
    assert alarms(whole + gone) == [1000]
    assert alarms(whole + gone + [record(4000, shape=0.9)] + [record(5000, shape=0.2)]) == [1000, 5000]


def test_half_of_the_variety_in_one_record_raises_it_alone_only_if_there_was_most_of_the_datas():
    whole, half = [record(100 * i, shape=0.9) for i in range(1, 9)], [record(100 * i, shape=0.6) for i in range(1, 9)]
    assert alarms([*whole, record(900, shape=0.44)]) == [900]
    assert alarms([*whole, record(900, shape=0.46), record(1000, shape=0.9)]) == []
    assert alarms([*half, record(900, shape=0.29), record(1000, shape=0.6)]) == []
    assert alarms([*half, record(900, shape=0.29, d_loss=5.0), record(1000, shape=0.6)]) == [900]
    assert alarms([*half, record(900, shape=0.31, d_loss=5.0), record(1000, shape=0.6)]) == []


@pytest.mark.parametrize(
    "change",
    [{"sigma": 9.0}, {"ratio": 3.0, "shape": 0.7}, {"shape": 0.6}, {"d_loss": 0.0}, {"d_loss": 5.0}, {"within": 0.05}],
    ids=["spectrum", "uneven spectrum", "lost variety", "zero loss", "jump", "fallen distance"],
)
def test_one_sign_alone_never_does(change):
    changed = [record(1200 + 100 * i, **change) for i in range(1, 9)]
    assert alarms(HEALTHY + changed) == []
    assert any(one.signs for one in watch(HEALTHY + changed))


@pytest.mark.parametrize("equal", [{"overall": 0.001, "within": 0.001}, {"within": 0.001}], ids=["all", "of a class"])
def test_samples_that_were_apart_and_are_equal_raise_it_whatever_the_discriminator_does(equal):
    assert alarms(HEALTHY + [record(1200 + 100 * i, **equal) for i in range(1, 9)]) == [1500]


def test_samples_that_were_never_apart_do_not():
    assert alarms([record(100 * i, overall=0.001, within=0.001) for i in range(1, 20)]) == []


def test_two_records_of_two_signs_never_do():
    bad = {"d_loss": 0.0, "overall": 0.0}
    records = [
        *HEALTHY,
        record(1300, **bad),
        record(1400, **bad),
        record(1500),
        record(1600, **bad),
        record(1700, **bad),
    ]
    assert alarms(records) == []


def test_growth_and_noise_of_healthy_training_never_do():
    rng = np.random.default_rng(0)
    records = [
        record(
            100 * i,
            d_loss=float(np.clip(2.0 - 0.01 * i + 0.25 * rng.standard_normal(), 0.1, None)),
            sigma=float(1.02**i * (1 + 0.1 * rng.random())),
            overall=float(0.02 + 0.6 * (1 - np.exp(-i / 10)) * (0.8 + 0.2 * rng.random())),
            within=float(0.01 + 0.4 * (1 - np.exp(-i / 10)) * (0.6 + 0.4 * rng.random())),
        )
        for i in range(1, 200)
    ]
    assert alarms(records) == []


@pytest.mark.parametrize(
    ("change", "below", "above"),
    [
        ("sigma", 3.9, 4.1),  # its median is 2
        ("d_loss", 1.5 + 0.49, 1.5 + 0.53),
        ("overall", 0.16, 0.14),  # its median is 0.6
        ("within", 0.11, 0.09),
    ],
)
def test_a_sign_appears_at_its_threshold(change, below, above):
    before = [record(700 * i, sigma=2 + 0.001 * i, shape=0.9) for i in range(1, 11)]
    assert [len(signs(record(7700, shape=0.9, **{change: value}), before)) for value in (below, above)] == [0, 1]


def test_a_jump_stands_out_of_the_losses_spread():
    """With losses 0.2 above and below 1.5 a jump is more than six times that, and not 0.5."""
    before = [record(700 * i, sigma=2 + 0.001 * i, d_loss=1.5 + 0.2 * (-1) ** i) for i in range(1, 11)]
    found = [signs(record(7700, d_loss=loss), before) for loss in (1.5 + 1.15, 1.5 + 1.25)]
    assert not found[0] and found[1] == ("D's loss jumped from 1.5 to 2.75",)


def test_spectra_of_the_discriminator_are_not_judged():
    jump = replace(record(1300), spectra={"generator.dense": [2.0], "discriminator.blocks.0.conv_1": [99.0]})
    assert signs(jump, HEALTHY) == ()


def test_a_record_whose_steps_were_all_skipped_says_nothing_and_spoils_nothing():
    skipped = [record(1300, d_loss=float("nan")), record(1400, d_loss=float("nan"))]
    assert [seen.signs for seen in watch(HEALTHY + skipped)[-2:]] == [(), ()]
    assert signs(record(1500, d_loss=5.0), watch(HEALTHY + skipped)) == ("D's loss jumped from 1.5 to 5",)


def test_kernels_that_earlier_records_lack_are_not_compared():
    """A version may measure more kernels than the one that began the run."""
    more = [replace(one, spectra={**one.spectra, "generator.to_rgb": [9.0]}) for one in HEALTHY]
    later = [replace(one, step=one.step + 1200) for one in more]
    assert alarms(HEALTHY + later) == [] and not any(one.signs for one in watch(HEALTHY + later))


def test_a_variety_that_is_not_a_number_is_none_that_was_had():
    odd = [record(50, shape=float("nan")), *HEALTHY]
    assert remembered([*odd, *(record(2000 + 100 * i, shape=0.1) for i in range(20))])[0].relative["shape"] == 0.9


def test_a_second_row_raises_it_again():
    bad = {"d_loss": 0.0, "overall": 0.0}
    first = [record(1200 + 100 * i, **bad) for i in range(1, 6)]
    recovered = [record(1700 + 100 * i) for i in range(1, 13)]
    second = [record(2900 + 100 * i, **bad) for i in range(1, 6)]
    assert alarms(HEALTHY + first + recovered + second) == [1500, 3200]


def test_the_last_healthy_step_is_ahead_of_the_row():
    bad = {"d_loss": 0.0, "overall": 0.0}
    seen = watch([*HEALTHY, record(1300, **bad), record(1400, **bad)])
    assert last_healthy_step(seen) == 1200
    assert last_healthy_step(seen[:5]) == 500
    assert last_healthy_step(seen[-2:]) == 0


@pytest.mark.parametrize("wrong", [{"collapse": "halt"}, {"every": -1}, {"every": 1.5}, {"every": True}])
def test_options_are_checked(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        MonitorOptions(**wrong)


def test_images_that_were_blank_from_the_start_have_lost_no_variety():
    blank = [record(100 * i, overall=0.0, within=0.0, shape=0.0, ratio=1.6) for i in range(1, 6)]
    assert {one.signs for one in watch(blank)} == {("the samples are equal (distance 0)",)} and not alarms(blank)


def test_a_negative_loss_may_be_constant_too():
    constant = [record(100 * i, d_loss=-0.5) for i in range(1, 8)]  # of the Wasserstein loss
    assert watch(constant)[6].signs == ("D's loss is constant at -0.5",)
