"""Where a run goes on: from its newest good checkpoint at start, and again after a failure that it may go back from."""

from sagan_tf.training.checkpoints import CheckpointError, CheckpointStore
from sagan_tf.training.safeguards import NonFiniteError, Rollbacks
from sagan_tf.training.state import GAN
from sagan_tf.training.workers import Workers


def resume(gan: GAN, store: CheckpointStore, workers: Workers) -> int:
    """Reads the newest good checkpoint, if there is any, and returns the step to go on from.

    The chief chooses it, and sets damaged ones aside; the other workers read the same one.

    Raises:
      CheckpointError: if none of those that are there can be read.
    """
    found = store.restore(gan.variables(), quarantine=True) if workers.is_chief else None
    (step,) = workers.from_chief(-1 if found is None else found)
    if step < 0:
        return 0
    if not workers.is_chief:
        store.restore(gan.variables(), step)
    if int(gan.step.numpy()) != step:
        raise CheckpointError(f"checkpoint {store.path(step)} says step {int(gan.step.numpy())}; it can't be trusted.")
    store.say(f"Going on from step {step} ({store.path(step)})")
    return step


def go_back(
    error: NonFiniteError, gan: GAN, store: CheckpointStore, workers: Workers, rollbacks: Rollbacks, *, allowed: int
) -> None:
    """Reads the last good checkpoint again and notes that, so that training goes on with other noise.

    Raises:
      NonFiniteError: the same with what to do, if the run may not go back (again), or has no checkpoint.
    """
    kept = store.steps()[-1:]
    used, can = workers.from_chief(rollbacks.count, len(kept))
    if used >= allowed or not can:
        again = "Lower the learning rates (TwoTimescaleAdam.g_learning_rate and .d_learning_rate)"
        if kept:
            last = f"The last good checkpoint is {store.path(kept[0])}. {again}"
            last += ", or go on from it with other noise: --gin_bindings="
            last += f"'Safeguards.rollbacks={used + 1}'"
        else:
            last = f"There is no checkpoint yet to go on from. {again}, and start again"
        raise NonFiniteError(
            f"{error}; training stopped and nothing of it was saved, after {used} roll-back(s). {last}."
        ) from error
    store.say(f"Warning: {error}; going back, roll-back {used + 1} of {allowed}")
    step = resume(gan, store, workers)
    if workers.is_chief:
        rollbacks.note(step, str(error))
