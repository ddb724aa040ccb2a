"""Models whose images don't depend on the others of their batch, for figures that draw few images at a time."""

from sagan_tf.foundation.notes import note
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.runs.trained import TrainedModel


def without_batch_statistics(model: TrainedModel) -> TrainedModel:
    """The model itself, or its like with standing statistics if its norms would use the moments of each batch.

    The moments of a single image, or of the similar images of a path, are not those of a batch of samples. The standing
    statistics are those of the whole prior; they are kept with the run.
    """
    if model.statistics(None) != "batch":
        return model
    note("The run's networks divide by the moments of each batch; standing statistics are used instead.")
    fixed = TrainedModel(model.run, average=model.averaged, step=model.step, statistics="moving")
    variables = named_variables(fixed.generator)
    for name, value in model.standing_statistics([None])[0].items():
        variables[name].assign(value)
    return fixed
