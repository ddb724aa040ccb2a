"""The statistics of G's batch norms where the user names none."""

from sagan_tf.foundation.option_names import Statistics
from sagan_tf.models.spec import GANSpec


def default_statistics(spec: GANSpec, *, truncated: bool, published: bool = False) -> Statistics:
    """The statistics of G's batch norms if the user names none; all verbs follow this rule.

    Those that were published with imported weights, if they are valid. Standing ones for a truncated z (Brock et al.
    2018, section 3.1), gathered at that truncation. Otherwise the run's own, `GANSpec.inference_statistics`.
    """
    if published:
        return "published"
    return "standing" if truncated else spec.inference_statistics
