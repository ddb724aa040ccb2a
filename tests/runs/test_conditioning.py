"""Data without classes train networks without class tables, unless the configuration says otherwise."""

import types

import pytest

from sagan_tf import experiment
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.source import DataError, Examples
from sagan_tf.models import families
from sagan_tf.runs.conditioning import fitted

NEW = types.SimpleNamespace(exists=False)


def examples_of(kind, *names):
    return Examples(
        name="folder:photos", class_names=names, n_examples=64, fingerprint="", stream=None, ordered=None,
        label_kind=kind,
    )  # fmt: skip


FLAT, SORTED = examples_of("none", "photos"), examples_of("named", "cat", "dog")


def loaded(family, *bindings):
    return experiment.load(["gin/data/procedural.gin"], [f"train.spec = @families.{family}()", *bindings])


def run_of(spec):
    """A run that goes on, with these networks."""
    return types.SimpleNamespace(exists=True, spec=lambda: spec)


@pytest.mark.parametrize("family", ["sagan", "sngan_projection", "biggan", "biggan_deep"])
def test_without_classes_the_binding_is_added_and_recorded(family, capsys):
    found = fitted(loaded(family), FLAT, NEW)
    assert (found.value.spec.conditioning, found.value.spec.head) == ("none", "plain")
    assert not found.value.spec.hierarchical and f"{family}.conditioning = 'none'" in found.text
    asked = loaded(family, f"families.{family}.conditioning = 'none'")
    assert found == asked == fitted(asked, FLAT, NEW) == fitted(loaded(family), FLAT, run_of(found.value.spec))


@pytest.mark.parametrize(
    ("spec", "name"),
    [("@big/families.sagan()", "big/sagan.conditioning"), ("%networks", "networks/sagan.conditioning")],
)
def test_networks_behind_a_scope_or_a_macro_are_found(spec, name):
    macro = ["networks = @families.sagan()"] if spec.startswith("%") else ["big/families.sagan.width = 32"]
    found = fitted(experiment.load(["gin/data/procedural.gin"], [f"train.spec = {spec}", *macro]), FLAT, NEW)
    assert found.value.spec.conditioning == "none" and f"{name} = 'none'" in found.text


def test_classes_and_what_is_bound_are_followed():
    usual = loaded("sagan")
    assert fitted(usual, SORTED, NEW) is usual
    tables = loaded("sagan", "families.sagan.conditioning = 'tables'")
    assert fitted(tables, FLAT, NEW) is tables


def test_a_run_that_began_with_one_class_goes_on_so():
    usual = loaded("sagan")
    assert fitted(usual, FLAT, run_of(usual.value.spec)) is usual


def test_networks_that_need_classes_are_refused_by_name():
    with pytest.raises(DataError, match=r"families\.acgan; received folder:photos.* families\.sagan or families\.sng"):
        fitted(loaded("acgan"), FLAT, NEW)


@pytest.mark.parametrize("spec", [families.sagan(32, width=8, attention=()), families.biggan(32, width=8)])
def test_a_description_from_python_is_fitted_too(spec):
    described = experiment.in_code(experiment.Experiment(spec=spec, data=ProceduralSource()))
    found = fitted(described, FLAT, NEW).value.spec
    assert (found.conditioning, found.head, found.hierarchical, found.width) == ("none", "plain", False, 8)
