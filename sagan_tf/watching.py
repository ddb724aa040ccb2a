"""What is looked at while a run trains: its scalars and its sheets of samples, as actions of the loop."""

import numpy as np

from sagan_tf.experiment import Experiment
from sagan_tf.layers.naming import named_variables
from sagan_tf.models.generator import Generator
from sagan_tf.monitoring.writer import Writer
from sagan_tf.run_directory import RunDirectory, sampler_of
from sagan_tf.sampling import grids
from sagan_tf.training.loop import Action
from sagan_tf.training.state import GAN

_SHEET_ROWS, _SHEET_COLUMNS = 10, 10


def actions(settings: Experiment, gan: GAN, run: RunDirectory, writer: Writer) -> list[Action]:
    """All of them, as the experiment asks."""
    scalars = Action(every=settings.log_every, run=writer.scalars)
    return [scalars, *([sheet_action(settings, gan, run, writer)] if settings.sample_every else [])]


def sheet_action(settings: Experiment, gan: GAN, run: RunDirectory, writer: Writer) -> Action:
    """A sheet of the same latents every `sample_every` steps: a row a class, ten at most; averaged weights if kept."""
    spec = gan.spec
    names = run.class_names[:_SHEET_ROWS]
    labels = np.repeat(np.arange(len(names)), _SHEET_COLUMNS)
    generator = gan.generator if gan.average is None else Generator(spec, numerics=settings.numerics)
    sampler = sampler_of(generator, n_classes=len(run.class_names), latent=settings.latent)

    def draw_sheet(step: int, logs: dict[str, float]) -> None:
        if gan.average is not None:
            for name, variable in named_variables(generator).items():
                variable.assign(gan.shadow[name].read_value())
        image = grids.sheet(sampler.images(labels), names)
        grids.save(image, run.path / "samples" / f"step-{step:08d}.png")
        writer.picture(step, "samples", np.asarray(image))

    return Action(every=settings.sample_every, run=draw_sheet)
