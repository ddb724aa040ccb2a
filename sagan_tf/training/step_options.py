"""What the papers' codes do differently within one training step."""

from dataclasses import dataclass
from typing import Literal, get_args

from sagan_tf.foundation.choices import check_choice

FakeLabels = Literal["uniform", "data"]


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """The order and the details of one step.

    generator_first: whether G is updated before D (the released SAGAN and SNGAN codes) or after (all others).
    fake_labels: "uniform" (all released codes), or "data": those of the real batch, p_data of SAGAN's eq. 4.
    store_u_in_generator_step: whether D's u moves in G's update too (BigGAN-PyTorch, SNGAN), not in D's alone (SAGAN).

    Raises:
      ValueError: for other labels.
    """

    generator_first: bool = False
    fake_labels: FakeLabels = "uniform"
    store_u_in_generator_step: bool = False

    def __post_init__(self):
        check_choice("StepOptions", "fake_labels", self.fake_labels, get_args(FakeLabels))


DEFAULT = StepOptions()
