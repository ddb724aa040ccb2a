"""The moving averages of D's mean logits, which LeCam regularization needs."""

import tensorflow as tf

from sagan_tf.objectives.lecam import LeCam

_NAMES = ("logits_real", "logits_fake")


class LogitAverages:
    """The averages of D's mean logit on real and on fake images; built inside the strategy's scope.

    options: None keeps none. The averages are float32 scalars, part of the training state, the same on all replicas.
    """

    def __init__(self, options: LeCam | None = None):
        self.options = options
        self._variables = {
            name: tf.Variable(0.0, trainable=False, name=f"average_of_{name}") for name in (_NAMES if options else ())
        }

    def variables(self) -> dict[str, tf.Variable]:
        """The state by name; empty without options."""
        return self._variables

    def penalty(self, real: tf.Tensor, fake: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        """The weighted term of D's loss in its t-th update (scalar integer from 1); 0 up to the `start`-th.

        The averages are those before the update. (The paper's implementations include the current batch with weight 1 -
        decay, which would need another exchange between replicas and microbatches within the loss.)

        real, fake: logits (b,).
        """
        averages = [tf.convert_to_tensor(variable) for variable in self._variables.values()]
        value = self.options.weight * self.options.penalty(real, fake, *averages)
        return tf.where(t > self.options.start, value, 0.0)

    def follow(self, means: dict[str, tf.Tensor], ok: tf.Tensor, t: tf.Tensor) -> None:
        """Updates the averages after D's t-th update, unless that was not finite.

        means: this replica's, by name. ok: scalar bool, the same on all replicas.
        """
        context = tf.distribute.get_replica_context()
        for name, variable in self._variables.items():
            mean = context.all_reduce("SUM", means[name]) / context.num_replicas_in_sync
            before = tf.convert_to_tensor(variable)
            variable.assign(tf.where(ok, self.options.averaged(before, mean, t), before))
