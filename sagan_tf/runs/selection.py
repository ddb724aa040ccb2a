"""Evaluation while training: an action of the loop that measures a checkpoint and keeps the best one apart."""

from sagan_tf.data.source import Examples
from sagan_tf.evaluation.best import is_better
from sagan_tf.experiment import Experiment
from sagan_tf.foundation import files
from sagan_tf.runs.evaluation import evaluate_run
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.loop import Action

BEST = "best"


def evaluation_action(settings: Experiment, run: RunDirectory, store: CheckpointStore, examples: Examples) -> Action:
    """Every `evaluate_every` steps: the checkpoint's numbers to metrics.jsonl, the best by `best_by` to its place."""

    def evaluate(step: int, logs: dict[str, float]) -> None:
        result = evaluate_run(run, settings.evaluation, examples=examples, step=step)
        store.say(f"step {step}\n{result.summary()}")
        score = result.metrics.get(settings.best_by)
        if score is None:
            store.say(f"step {step} is not compared with the best checkpoint: {settings.best_by} was not measured")
        else:
            keep_best(store, step, float(score), settings.best_by)

    return Action(every=settings.evaluate_every, run=evaluate, reads_checkpoint=True)


def keep_best(store: CheckpointStore, step: int, score: float, by: str) -> bool:
    """Keeps this step's checkpoint if it is the best so far; a score by another metric doesn't count."""
    kept = store.kept(BEST)
    before = kept.score if kept and kept.why == by else None
    if not is_better(score, before, by):
        return False
    with files.dispensable(f"checkpoints/{BEST}"):
        path = store.keep_apart(step, BEST, why=by, score=score)
        store.say(f"the best by {by} so far: {score:.6g} at step {step}, kept in {path}")
    return True
