"""The task for a data set without classes: predicting by how many right angles an image is rotated.

Gidaris et al. 2018, "Unsupervised Representation Learning by Predicting Image Rotations": to predict them, a network
must know the shapes of objects and of their parts.
"""

import numpy as np

TURNS = 4
FEWEST = 32  # the fewest images from which the task can be learned


def with_turns(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each image in its four orientations, one after another, and their numbers of right angles.

    Shapes: (N,R,R,3) -> (4N,R,R,3), (4N,) int32 of 0, 1, 2, 3, counterclockwise.
    """
    turned = np.stack([np.rot90(images, turn, axes=(1, 2)) for turn in range(TURNS)], axis=1)  # (N,4,R,R,3)
    return turned.reshape(-1, *images.shape[1:]), np.tile(np.arange(TURNS, dtype=np.int32), len(images))
