"""Standing statistics: the batch norms' moments averaged over many batches of samples (Brock et al. 2018, C.1)."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.foundation.progress import Progress
from sagan_tf.layers.batch_norm import unfrozen
from sagan_tf.layers.variable_names import named_variables


@dataclass(frozen=True, kw_only=True)
class StandingStatistics:
    """How the moments are gathered: over `passes` batches of fresh z and y, means and variances are averaged.

    passes, batch_size: the paper says "100 passes"; BigGAN-PyTorch uses 16 by default, compare_gan 3,200 of 64.
    latent, truncation, threshold: z as it will be sampled (latents.prior, latents.truncated; without a threshold it is
      not truncated). Statistics are valid for one truncation and must be gathered again for another. BigGAN-PyTorch
      always draws from the whole prior here.
    seed: of the draws.
    n_classes: labels are drawn below it; None: the rows of the generator's tables, of which a data set may fill fewer
      (train.table_size).

    Raises:
      ValueError: if passes or batch_size is not an integer of at least 1, for an unknown latent or truncation, or for
        truncation of a latent that is not normal.
    """

    passes: int = 100
    batch_size: int = 64
    latent: str = "normal"
    truncation: str = "resampled"
    threshold: float | None = None
    seed: int = 0
    n_classes: int | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self):
        store_plain_numbers(self)
        for name in ("passes", "batch_size"):
            check_integer(name, getattr(self, name), 1)
        latents.prior(self.latent)
        if self.threshold is not None:
            if self.latent not in latents.NORMAL:
                raise ValueError(f"truncation must be of a normal prior; received latent={self.latent!r}.")
            latents.truncated(self.truncation, [1], latents.key(0, 0, 0), self.threshold)

    def _z(self, shape: list[int], number: tf.Tensor | int, threshold: tf.Tensor | float | None = None) -> tf.Tensor:
        key = latents.key(self.seed, latents.Purpose.STATISTICS_Z, number)
        if self.threshold is None:
            return latents.prior(self.latent)(shape, key)
        return latents.TRUNCATIONS[self.truncation](shape, key, self.threshold if threshold is None else threshold)

    def gathered(
        self,
        generator: tf.keras.Model,
        thresholds: Sequence[float] | None = None,
    ) -> list[dict[str, np.ndarray]]:
        """The standing statistics at each threshold (None: at the options' own), by the names of the moving ones.

        The passes are in training mode, as in BigGAN-PyTorch and TF-Hub's accumulation. A batch's own moments follow
        from the update of the moving averages, moving <- decay * moving + (1 - decay) * batch, from zero. The
        generator's statistics and u are restored after each pass.

        Raises:
          ValueError: for a threshold that is not positive.
        """
        thresholds = [self.threshold] if thresholds is None else thresholds
        options = [dataclasses.replace(self, threshold=threshold) for threshold in thresholds]
        variables = {n: v for n, v in named_variables(generator).items() if ".statistics." in n or n.endswith(".u")}
        kept = {n: v.numpy() for n, v in variables.items()}
        found, bar = [], Progress(total=self.passes * len(options), title="standing statistics", unit="pass")
        with contextlib.ExitStack() as at_end, bar, bar.ticking():  # the first pass compiles
            at_end.callback(_assign, variables, kept)  # also if a pass is interrupted
            statistics = {n: v for n, v in variables.items() if ".statistics." in n}
            compiled = {}  # for a truncated z, and for one of the whole prior
            for chosen in options:
                truncated = chosen.threshold is not None
                if truncated not in compiled:
                    compiled[truncated] = chosen._compiled_pass(generator, statistics)
                sums = {n: np.zeros(kept[n].shape, np.float64) for n in kept if ".statistics." in n}
                for number in range(self.passes):
                    compiled[truncated](tf.constant(number, tf.int64), tf.constant(chosen.threshold or 1.0, tf.float32))
                    for n, total in sums.items():
                        total += variables[n].numpy().astype(np.float64) / (1.0 - _decay(generator, n))
                    _assign(variables, kept)
                    bar.update()
                found.append({n: (total / self.passes).astype(np.float32) for n, total in sums.items()})
        return found

    def _compiled_pass(self, generator: tf.keras.Model, statistics: dict[str, tf.Variable]) -> Callable:
        """(number, threshold): one pass in training mode that leaves (1 - decay) * its moments in the statistics."""

        def one_pass(number, threshold):
            for variable in statistics.values():
                variable.assign(tf.zeros(variable.shape))
            key = latents.key(self.seed, latents.Purpose.STATISTICS_LABELS, number)
            y = latents.labels([self.batch_size], key, self.n_classes or generator.spec.n_classes)
            with unfrozen():  # else the norms of a frozen generator would have no moments of their own
                generator(self._z([self.batch_size, generator.spec.z_dim], number, threshold), y, training=True)

        signature = [tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.float32)]
        return tf.function(one_pass, input_signature=signature).get_concrete_function()


def _assign(variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray]) -> None:
    for name, value in values.items():
        variables[name].assign(value)


def _decay(generator: tf.keras.Model, name: str) -> float:
    spec = generator.spec
    return spec.final_norm_decay if name.startswith("final_norm.") else spec.norm_decay
