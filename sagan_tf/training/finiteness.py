"""Looks at each call's logs: which updates were left out, and when that is a failure of the run."""

import math
from collections.abc import Sequence

from sagan_tf.training.safeguards import FLOAT16_SKIPS, NonFiniteError


class NonFiniteCheck:
    """Counts the steps in a row whose update was left out because a loss or gradient was not finite.

    allowed: so many in a row pass. tensor_names: what `bad_tensor` of the logs counts.
    """

    def __init__(self, allowed: int, tensor_names: Sequence[str]):
        self._allowed = allowed
        self._names = tensor_names
        self._in_a_row = 0
        self.skipped = 0

    def check(self, logs: dict[str, float], n: int, step: int) -> None:
        """The logs of the n steps up to `step`.

        Which of a call's steps were left out is not known: they count as its last ones, behind those before it only
        if all were.

        Raises:
          NonFiniteError: with the steps and the tensor's name.
        """
        skipped = int(logs["skipped"])
        self.skipped += skipped
        self._in_a_row = skipped + (self._in_a_row if skipped == n else 0)
        allowed = max(self._allowed, FLOAT16_SKIPS) if "g_loss_scale" in logs else self._allowed
        spoiled = [name for name, value in logs.items() if not math.isfinite(value)] if skipped < n else []
        if self._in_a_row > allowed or spoiled:
            name = self._names[int(logs["bad_tensor"])] if skipped else spoiled[0]
            raise NonFiniteError(
                f"{name} became non-finite within the steps {step - n + 1} to {step} ({skipped} of {n} updates were "
                f"left out, {self._in_a_row} in a row)"
            )
