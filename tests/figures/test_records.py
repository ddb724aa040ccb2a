from sagan_tf.figures.records import gradient_norms_of, names_of, names_of_part, part_of, series, spectra_of


def test_a_series_has_the_steps_where_it_was_written():
    records = [{"step": 1, "a": 1.0}, {"step": 2, "a": None, "gamma/x": 3.0}, {"step": 3, "a": 5.0, "gamma/y": 1.0}]
    assert series(records, "a") == ([1, 3], [1.0, 5.0])
    assert names_of(records, "gamma/*") == ["gamma/x", "gamma/y"]


def test_spectra_are_the_first_values_of_one_network_by_depth():
    records = [
        {"step": 5, "spectra": {"generator.b": [3.0, 2.0], "generator.a": [1.0], "discriminator.c": [9.0]}},
        {"step": 10, "spectra": {"generator.b": [4.0, 2.0], "generator.a": [2.0], "discriminator.c": [8.0]}},
    ]
    assert list(spectra_of(records, "generator").items()) == [
        ("generator.b", ([5, 10], [3.0, 4.0])),
        ("generator.a", ([5, 10], [1.0, 2.0])),
    ]
    assert list(spectra_of(records, "discriminator")) == ["discriminator.c"]


def test_parts_of_health_records_leave_out_what_is_null_or_not_there():
    records = [
        {"step": 5, "spectra": {"generator.a": [None, 1.0]}, "relative": {"shape": None}},
        {"step": 10, "spectra": {"generator.a": [2.0]}, "relative": {"shape": 0.5}},
        {"step": 15, "spectra": {"generator.b": [None]}},
    ]
    assert spectra_of(records, "generator") == {"generator.a": ([10], [2.0])}
    assert part_of(records, "relative", "shape") == ([10], [0.5])
    assert names_of_part(records, "relative") == ["shape"]


def test_gradient_norms_are_those_of_one_network_and_records_may_lack_them():
    records = [
        {"step": 5, "spectra": {}},
        {"step": 10, "gradient_norms": {"generator.b": 2.0, "generator.a": None, "discriminator.c": 1.0}},
        {"step": 15, "gradient_norms": {"generator.b": 3.0, "generator.a": 4.0, "discriminator.c": 1.0}},
    ]
    assert gradient_norms_of(records, "generator") == {
        "generator.b": ([10, 15], [2.0, 3.0]),
        "generator.a": ([15], [4.0]),
    }
    assert gradient_norms_of(records[:1], "generator") == {}
