"""The evaluator: right numbers with their protocol, the real side cached, refusals before any image is made."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.data.class_names import relabeled
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation import reference
from sagan_tf.evaluation.activations import BatchedExtractor
from sagan_tf.evaluation.comparison import Comparison
from sagan_tf.evaluation.dataset_classifier import ClassifierBudget, dataset_classifier
from sagan_tf.evaluation.evaluator import check_options, compare
from sagan_tf.evaluation.features import SavedModelExtractor
from sagan_tf.evaluation.image_sets import example_images, generated_images
from sagan_tf.evaluation.metrics.fid import frechet_distance
from sagan_tf.evaluation.metrics.inception_score import inception_score
from sagan_tf.evaluation.moments import moments_of
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import GeneratorFacts
from sagan_tf.evaluation.reference import reference_activations


@pytest.fixture
def extractor(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "net")
    return SavedModelExtractor(str(tmp_path / "net"))


def run(sampler, examples, extractor, strategy=None, **options):
    options = EvaluationOptions(**{"n_samples": 101, "batch_size": 32} | options)
    generated = generated_images(
        lambda: sampler,
        count=options.n_samples,
        class_names=examples.class_names,
        resolution=8,
        seed=options.seed,
        agreement=examples.agreement,
    )
    real = example_images(examples, resolution=8, transform=Transform(), batch_size=32)
    return compare(
        generated,
        real,
        extractor=extractor,
        options=options,
        facts=GeneratorFacts(step=7, weights="ema"),
        strategy=strategy,
        progress=False,
    )


def test_numbers_are_those_of_all_features_at_once(examples, extractor, painter):
    sampler = painter(shift=10)
    result = run(sampler, examples, extractor, seed=3)
    labels = np.arange(101) % 2
    fake = np.stack([sampler.paint(3, i, label) for i, label in enumerate(labels)])
    real = next(iter(examples.ordered().batch(200)))[0].numpy()
    fake, real = (tf.constant(images, tf.float32) / 127.5 - 1 for images in (fake, real))
    expected = frechet_distance(moments_of(extractor(fake)[0].numpy()), moments_of(extractor(real)[0].numpy()))
    assert result.metrics["fid"] == pytest.approx(expected, rel=1e-5)
    assert result.metrics["is"] == pytest.approx(inception_score(extractor(fake)[1].numpy())[0], rel=1e-5)
    brightness = (fake.numpy().mean((1, 2, 3))[labels == 1].mean() + 1) / 2
    assert result.metrics["long_range_agreement"] == pytest.approx(brightness, rel=1e-5)
    assert "class_accuracy" not in result.metrics


def test_variety_recall_and_the_scale_of_fid_are_among_the_defaults(examples, extractor, painter):
    result = run(painter(), examples, extractor)
    images = next(iter(examples.ordered().batch(200)))[0].numpy() / 127.5 - 1
    halves = [moments_of(extractor(tf.constant(images[half], tf.float32))[0].numpy()) for half in halves_of(200)]
    assert result.metrics["fid_of_data"] == pytest.approx(frechet_distance(*halves), rel=1e-4)
    assert result.metrics["shape_variety"] == pytest.approx(1, abs=0.02), "both sides' shapes are noise"
    assert len(result.metrics["shape_variety_by_class"]) == 2 and 0 <= result.metrics["recall"] <= 1
    share = f"variety within classes: {result.metrics['shape_variety']:.0%} of the data's by shape"
    assert share in result.summary()


def halves_of(count):
    """Which images are in the one half and in the other, evenly in both of two alternating classes."""
    upper = np.array([i * 0.6180339887498949 % 1 >= 0.5 for i in range(count)])
    assert abs(upper[::2].sum() - count / 4) <= 2 and abs(upper[1::2].sum() - count / 4) <= 2
    return ~upper, upper


def test_without_images_or_common_classes_there_is_no_variety(examples, extractor, painter):
    other = dataclasses.replace(examples, class_names=("cat", "dog"), agreement=None)
    real = example_images(examples, resolution=8, transform=Transform(), batch_size=32)
    made = example_images(other, resolution=8, transform=Transform(), batch_size=32)
    result = compare(made, real, extractor=extractor, options=EvaluationOptions(), progress=False)
    assert "shape_variety" not in result.metrics and "fid_of_data" in result.metrics
    with pytest.raises(ValueError, match="variety needs labels of the reference's classes"):
        compare(made, real, extractor=extractor, options=EvaluationOptions(metrics=("variety",)), progress=False)


def test_a_number_carries_its_protocol_into_one_line(examples, extractor, painter, tmp_path):
    result = run(painter(), examples, extractor, metrics=("fid",))
    result.append_to(tmp_path / "run" / "metrics.jsonl")
    result.append_to(tmp_path / "run" / "metrics.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    assert first == second and set(first) == {"fid", "protocol"}
    expected = {
        "extractor": "saved-model:net",
        "extractor_hash": extractor.hash,
        "resize": "none",
        "resolution": 8,
        "images": "samples",
        "n_generated": 101,
        "reference": "two",
        "n_real": 200,
        "seed": 0,
        "step": 7,
        "weights": "ema",
        "statistics": None,
        "truncation": None,
    }
    assert expected.items() <= first["protocol"].items()
    assert first["protocol"]["versions"]["tensorflow"] == tf.__version__
    assert "[saved-model:net]" in result.summary() and "101 of samples against 200 of two" in result.summary()


def test_the_real_side_is_computed_once_and_never_stale(examples, extractor, painter, cache):
    def stamps():
        return {path: path.stat().st_mtime_ns for path in cache.rglob("*-moments.npz")}

    first = run(painter(), examples, extractor)
    files = stamps()
    assert len(files) == 1 and {"mu", "sigma"} <= set(np.load(next(iter(files))).files)
    assert run(painter(), examples, extractor).metrics == first.metrics and stamps() == files
    run(painter(), dataclasses.replace(examples, fingerprint="two v2"), extractor)
    assert len(stamps()) == 2
    extractor.hash = "another"
    run(painter(), examples, extractor)
    assert len(stamps()) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_samples": 4, "metrics": ("fid",)},
            "more images per side than its 4 features; received images=4, reference=200. Give at least 5",
        ),
        ({"metrics": ("class_accuracy",)}, "needs the data set's own classifier"),
        ({"metrics": ("is",), "n_samples": 9}, "metric is needs 10 images or more; received images=9"),
        ({"metrics": ("intra_fid",), "n_samples": 3}, "metric intra_fid needs 4 images or more; received images=3"),
    ],
)
def test_impossible_metrics_are_refused_before_any_image_is_made(examples, extractor, painter, options, message):
    sampler = painter()
    with pytest.raises(ValueError, match=message):
        run(sampler, examples, extractor, **options)
    assert sampler.calls == 0


def test_few_samples_can_be_allowed(examples, extractor, painter):
    assert run(painter(), examples, extractor, n_samples=3, metrics=("fid",), allow_few_samples=True).metrics["fid"] > 0


def test_agreement_is_refused_without_its_measure(examples, extractor, painter):
    silent = dataclasses.replace(examples, agreement=None)
    assert "long_range_agreement" not in run(painter(), silent, extractor).metrics
    with pytest.raises(ValueError, match="Only the procedural"):
        run(painter(), silent, extractor, metrics=("long_range_agreement",))


def test_a_set_against_itself_is_at_distance_0(examples, extractor):
    images = example_images(examples, resolution=8, transform=Transform(), batch_size=64)
    result = compare(images, images, extractor=extractor, options=EvaluationOptions(metrics=("fid",)), progress=False)
    assert result.metrics["fid"] == pytest.approx(0, abs=1e-8)


def test_a_source_that_delivers_fewer_images_is_refused(examples, extractor):
    images = example_images(examples, resolution=8, transform=Transform(), batch_size=64)
    with pytest.raises(ValueError, match="its 300 images; received count=200"):
        compare(
            dataclasses.replace(images, count=300),
            images,
            extractor=extractor,
            options=EvaluationOptions(metrics=("fid",)),
            progress=False,
        )


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        ({"extractor": "dataset"}, {"class_names": ("all",)}, "must belong to at least 2 classes"),
        ({"extractor": "dataset", "n_samples": 128}, {}, "more images per side than its 128 features"),
        ({"extractor": "/nowhere"}, {}, "received directory='/nowhere'"),
        ({"extractor": "inception", "inception_location": "/nowhere"}, {}, "received location='/nowhere'"),
        ({"metrics": ("long_range_agreement",)}, {"agreement": None}, "Only the procedural"),
    ],
)
def test_what_would_fail_after_training_is_refused_before(examples, options, changes, message):
    check_options(EvaluationOptions(extractor="dataset", n_samples=150), examples, resolution=8)
    with pytest.raises(ValueError, match=message):
        check_options(EvaluationOptions(**options), dataclasses.replace(examples, **changes), resolution=8)


@pytest.mark.parametrize("name", ["inception_50k", "biggan_50k", "dataset_classifier", "tfgan"])
def test_gin_files_of_the_evaluation_are_valid_beside_a_run(name):
    files = ["gin/quickstart.gin", f"gin/evaluation/{name}.gin"]
    options = experiment.load(files, []).value.evaluation
    expected = {
        "inception_50k": ("inception", 50_000, None),
        "biggan_50k": ("inception", 50_000, "standing"),
        "dataset_classifier": ("dataset", 5000, None),
        "tfgan": ("auto", 5000, None),
    }
    assert (options.extractor, options.n_samples, options.statistics) == expected[name]


class Judge:
    """Tells dark from bright images: an extractor with the classes of a data set."""

    name, hash, resize, note, n_features, n_logits, classifies = "judge", "0", "none", "", 2, 2, True
    class_names, label_kind = ("dark", "bright"), "named"

    def __call__(self, images):
        brightness = tf.reduce_mean(images, [1, 2, 3])
        logits = tf.stack([-brightness, brightness], 1)
        return logits + tf.random.stateless_normal(tf.shape(logits), [1, 2], stddev=0.01), logits


def as_images(examples):
    return example_images(examples, resolution=8, transform=Transform(), batch_size=64)


def judged(measured, examples, **options):
    options = EvaluationOptions(**{"metrics": ("class_accuracy", "intra_fid")} | options)
    return compare(as_images(measured), as_images(examples), extractor=Judge(), options=options, progress=False).metrics


def test_classes_are_compared_by_name_in_whatever_order_they_are(examples):
    backwards = relabeled(examples, ("bright", "dark"))
    for measured in (examples, backwards):
        found = judged(measured, examples)
        assert found["class_accuracy"] == 1 and found["intra_fid"] < 0.01
    found = judged(examples, backwards)  # the classifier has an order of its own
    assert found["class_accuracy"] == 1 and found["intra_fid"] < 0.01
    once, again = (judged(of, examples, metrics=("variety",)) for of in (examples, backwards))
    assert again["shape_variety_by_class"] == pytest.approx(once["shape_variety_by_class"], nan_ok=True)
    numbered = dataclasses.replace(examples, class_names=("0", "1"), label_kind="numbered")
    assert judged(numbered, examples)["class_accuracy"] == 1


def test_a_class_that_the_reference_lacks_or_the_samples_lack_is_refused(examples, capsys):
    renamed = dataclasses.replace(examples, class_names=("dark", "dim"))
    with pytest.raises(ValueError, match=r"received dim, which is not.*0 dark, 1 dim.*0 dark, 1 bright"):
        judged(renamed, examples)
    assert "class_accuracy" not in judged(renamed, examples, metrics=None)
    assert "class_accuracy is left out" in capsys.readouterr().err
    more = dataclasses.replace(examples, class_names=("dark", "bright", "dazzling"))
    with pytest.raises(ValueError, match=r"intra_fid needs images of each .* 3 classes; received none of dazzling"):
        judged(examples, more, metrics=("intra_fid",))
    numbers = dataclasses.replace(examples, class_names=("0", "1"), label_kind="numbered")
    with pytest.raises(ValueError, match="A number could be an index or a name"):
        judged(numbers, dataclasses.replace(examples, class_names=("1", "2")), metrics=("intra_fid",))


def test_no_cache_is_taken_for_another_order_of_the_classes(examples):
    assert judged(examples, examples)["intra_fid"] < 0.01
    backwards = relabeled(examples, ("bright", "dark"))  # the same fingerprint
    assert judged(backwards, backwards)["intra_fid"] < 0.01
    first = dataset_classifier(examples, resolution=8, transform=Transform(), budget=ClassifierBudget(steps=1))
    second = dataset_classifier(backwards, resolution=8, transform=Transform(), budget=ClassifierBudget(steps=1))
    assert first.hash != second.hash and second.class_names == ("bright", "dark")


def test_the_key_of_a_cached_reference_covers_all_that_decides_its_numbers(examples):
    images = as_images(examples)
    backwards = dataclasses.replace(images, class_names=("bright", "dark"))

    def path(images=images, part="features", **traits):
        judge = Judge()
        vars(judge).update(traits)
        return reference._path(images, judge, part)

    others = ({"fingerprint": "other"}, {"count": 199}, {"resolution": 16})
    paths = [path(), path(backwards), path(part="logits"), path(hash="1"), path(name="juror"), path(resize="area 64")]
    paths += [path(dataclasses.replace(images, **other)) for other in others]
    assert len(set(paths)) == 9
    assert path(backwards, "moments") == path(part="moments")  # which have neither order nor labels


def test_agreement_is_refused_for_other_classes(examples):
    other = dataclasses.replace(examples, class_names=("a", "b"))
    assert "long_range_agreement" not in judged(other, examples, metrics=None)
    with pytest.raises(ValueError, match="needs samples of the reference's classes"):
        judged(other, examples, metrics=("long_range_agreement",))


@pytest.mark.parametrize(("metric", "fewest"), [("pr", 6), ("kid", 2), ("variety", 2), ("intra_fid", 4)])
def test_a_reference_of_too_few_images_is_refused_before_any_is_made(examples, extractor, painter, metric, fewest):
    few = dataclasses.replace(examples, n_examples=fewest - 1)
    sampler = painter()
    with pytest.raises(ValueError, match=f"metric {metric} needs a reference of {fewest} images or more"):
        run(sampler, few, extractor, metrics=(metric,))
    assert sampler.calls == 0


def test_images_that_cannot_be_identified_are_never_read_from_a_cache(examples, extractor):
    batched = BatchedExtractor(extractor, batch_size=32)

    def mean(value):
        real = example_images(examples, resolution=8, transform=Transform(), batch_size=32)
        batches = lambda start: [(np.full((4, 8, 8, 3), value, np.float32), np.zeros(4, np.int32))]  # noqa: E731
        real = dataclasses.replace(real, fingerprint=None, count=4, batches=batches)
        return reference_activations(real, batched, frozenset({"features"}), progress=False).features.mean()

    assert mean(0.5) == pytest.approx(-mean(-0.5)) != 0


def test_three_classes_in_a_rotated_order_are_compared_with_their_own(examples):
    """Two classes that change places, as elsewhere here, would not tell an order from its inverse."""
    labels = np.arange(90, dtype=np.int32) % 3
    images = np.random.default_rng(1).integers(0, 256, (90, 8, 8, 3), dtype=np.uint8)

    def of(images, fingerprint):
        ordered = functools.partial(tf.data.Dataset.from_tensor_slices, (images, labels))
        changes = {"class_names": ("a", "b", "c"), "n_examples": 90, "agreement": None}
        return dataclasses.replace(examples, ordered=ordered, fingerprint=fingerprint, **changes)

    alike = np.where((labels == 2)[:, None, None, None], images[2], images)  # the class c is one image
    generated = relabeled(of(alike, "alike"), ("b", "c", "a"))
    found = judged(generated, of(images, "three"), metrics=("intra_fid", "variety"))
    assert found["shape_variety_by_class"] == pytest.approx([1, 0, 1])
    first, of_one_image, last = found["intra_fid_by_class"]
    assert max(first, last) < 1e-9 < 1e-3 < of_one_image


@pytest.mark.parametrize(("count", "enough"), [(4, False), (5, True)])
def test_fid_needs_more_images_than_features_on_both_sides(examples, extractor, painter, count, enough):
    few = dataclasses.replace(examples, n_examples=count)
    sides = [as_images(few), as_images(examples)]
    for generated, real in (sides, sides[::-1]):
        comparison = Comparison(generated=generated, real=real, extractor=extractor)
        assert extractor.n_features == 4 and comparison.is_full_rank == enough
        assert comparison.has_small_reference == (not enough and real.count == count)


def test_outputs_that_are_not_finite_are_refused_at_the_first_batch(examples, extractor, painter):
    batched = BatchedExtractor(extractor, batch_size=2)
    with pytest.raises(ValueError, match="outputs of saved-model:net must be finite"):
        batched(np.full((2, 8, 8, 3), np.nan, np.float32))


def test_values_per_class_are_in_the_order_of_the_images_classes(examples):
    def noisier(image, label):  # the bright ones alone differ from the reference
        return tf.where(label == 1, image // 2, image), label

    changed = dataclasses.replace(examples, fingerprint="half", ordered=lambda: examples.ordered().map(noisier))
    chosen = {"metrics": ("intra_fid", "variety")}
    dark, bright = judged(changed, examples, **chosen)["intra_fid_by_class"]
    assert bright > 10 * dark
    backwards = judged(relabeled(changed, ("bright", "dark")), examples, **chosen)
    assert backwards["intra_fid_by_class"] == pytest.approx([bright, dark])
    more = dataclasses.replace(examples, class_names=("dazzling", "dark", "bright"), fingerprint="more")
    more = dataclasses.replace(more, ordered=lambda: examples.ordered().map(lambda image, label: (image, label + 1)))
    assert len(judged(examples, more, metrics=("variety",))["shape_variety_by_class"]) == 2
