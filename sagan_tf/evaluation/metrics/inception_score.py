"""Inception Score, exp(E[KL(p(y|x) || p(y))]) (Salimans et al. 2016, section 4)."""

import numpy as np

from sagan_tf.evaluation.rows import check_rows

CHUNK = 4096


def inception_score(logits: np.ndarray, *, splits: int = 10) -> tuple[float, float]:
    """The mean and standard deviation over splits of exp(E[KL(p(y|x) || p(y))]), between 1 and K.

    Shapes: logits (N,K) of any floating type; evaluated in float64. TF-GAN's `classifier_score_from_logits`, with which
    a test compares it, gives the same but holds three more (N,K) arrays.

    The splits are taken from a fixed permutation. The released evaluation of Salimans et al. splits the images in the
    order in which they come, and would score each split on a few classes if they came class by class. The deviation is
    the population's (divided by the number of splits), as in that code. SAGAN and TF-GAN use 1 split, BigGAN 10.

    Raises:
      ValueError: for fewer images than splits, or logits that are not finite.
    """
    if logits.ndim != 2 or len(logits) < splits or splits < 1:
        raise ValueError(
            f"logits must be (N,K) with N of at least splits={splits}; received shape={logits.shape}. "
            "Give more images or fewer splits."
        )
    check_rows(logits, what="logits")
    order = np.random.default_rng(0).permutation(len(logits))
    scores = [_score(logits[rows]) for rows in np.array_split(order, splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(logits: np.ndarray) -> float:
    # E[KL] = E[sum p log p] - sum q log q with q = E[p], so that chunks can be summed.
    p_log_p, p_sum = 0.0, np.zeros(logits.shape[1])
    for start in range(0, len(logits), CHUNK):
        log_p = _log_softmax(logits[start : start + CHUNK].astype(np.float64))
        p = np.exp(log_p)
        p_log_p += float((p * log_p).sum())
        p_sum += p.sum(axis=0)
    q = p_sum / len(logits)
    log_q = np.log(q, out=np.zeros_like(q), where=q > 0)
    return float(np.exp(p_log_p / len(logits) - (q * log_q).sum()))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
