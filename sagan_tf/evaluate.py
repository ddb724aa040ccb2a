"""`python -m sagan_tf.evaluate`: evaluates a run's samples, or any other images, against real images."""

from collections.abc import Sequence

from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs.evaluate_flags import parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluates and returns the exit code."""
    flags = parse(arguments)

    def work() -> None:
        from sagan_tf.runs.measurement import run  # here, since flags are answered before TensorFlow is imported

        with sigterm_as_keyboard_interrupt():
            run(flags)

    return answered(
        work,
        interrupted=lambda stop: f"interrupted: {stop or 'nothing was measured yet'}. Repeat the command to resume.",
    )


if __name__ == "__main__":
    start(main)
