"""SAGAN and BigGAN on TensorFlow 2 and Keras: faithful, resumable, and pleasant to use."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes; set it to 0 to see them

__version__ = "0.1.0"
