"""What `train --dry_run` advises for a data set: epochs, memory, horizontal flips, augmentation, small classes."""

from sagan_tf.data.source import Examples
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.spelling import counted
from sagan_tf.runs.description import step_memory

# Numbers of images. Without augmentation, D memorizes fewer images than DUE; up to HELPFUL, augmentation still improves
# FID (Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", on faces and on cats at 256
# px).
DUE, HELPFUL = 5_000, 30_000
FEW_OF_CLASS = 50  # with fewer images, a class can hardly be learned
_AUGMENTATION = "train.augmentation = @AdaptiveAugmentation()"


def advice(settings: Experiment, examples: Examples) -> list[str]:
    """Sentences about whether the settings suit the data, one per line."""
    seen = settings.batch_size * settings.discriminator_steps * settings.total_steps
    classes = counted(len(examples.class_names), "class") if examples.label_kind != "none" else "no classes"
    memory = step_memory(settings, settings.sized(len(examples.class_names))).total
    lines = [
        f"Data: {counted(examples.n_examples, 'image')}, {classes}{', gray' if examples.gray else ''}. D sees "
        f"{seen:,} images in the run, which are {seen / examples.n_examples:,.1f} epochs.",
        f"Memory by `describe`: {memory / 1e9:.1f} GB on one device.",
        f"Horizontal flips are {'on' if settings.transform.flip else 'off'} "
        f"(Transform.flip={settings.transform.flip}), "
        + ("which double the data. Turn them off if left and right differ: text, clocks."
           if settings.transform.flip
           else "which would double the data, unless left and right differ: text, clocks."),
        _on_augmentation(settings, examples.n_examples),
    ]  # fmt: skip
    return [*lines, *_on_small_classes(examples)]


def _on_augmentation(settings: Experiment, count: int) -> str:
    """Whether the number of images calls for augmentation, and whether it is on."""
    used = settings.augmentation
    size = counted(count, "image")
    if used is not None:
        late = "" if count < HELPFUL else f" With {size} it may be left out."
        return f"Augmentation is on ({type(used).__name__}).{late}"
    if count < DUE:
        return (
            f"Augmentation is advisable: with {size} D memorizes them. Set {_AUGMENTATION}, which acts only as far as "
            "D does so; a run of few epochs learns faster without it."
        )
    if count < HELPFUL:
        return f"Augmentation is off, and would help with {size}: {_AUGMENTATION}."
    return f"Augmentation is off, and with {size} hardly needed."


def _on_small_classes(examples: Examples) -> list[str]:
    """Names the classes with few images, if their numbers are known."""
    if examples.label_kind == "none" or not all(examples.class_digests):
        return []
    counts = [int(digest.split()[0]) for digest in examples.class_digests]
    few = [f"{n} {name}" for n, name in sorted(zip(counts, examples.class_names, strict=False)) if n < FEW_OF_CLASS]
    if not few:
        return []
    shown = ", ".join(few[:5]) + (f" and {len(few) - 5} more classes" if len(few) > 5 else "")
    return [f"Classes with fewer than {FEW_OF_CLASS} images: {shown}. Add images, or merge classes."]
