"""The names of options of flags, separate from the TensorFlow code that uses them, so that `--help` is quick."""

from typing import Literal

Statistics = Literal["moving", "batch", "standing", "published"]  # the statistics of G's batch norms: runs/trained.py
TruncationMode = Literal["resampled", "scaled_truncated", "scaled"]  # how z is truncated: latents.py
StrategyName = Literal["auto", "cpu", "gpu", "mirrored", "multi_worker", "tpu"]  # devices: training/strategy.py
CropMethod = Literal["biggan", "sagan", "sngan"]  # how images become squares: data/transforms.py
DataSplit = Literal["train", "validation"]  # of a run's data: runs/reference.py
# Published weights: interop/published.py
WeightsFormat = Literal["biggan_pytorch", "tfhub_biggan", "tfhub_biggan_deep", "huggingface_biggan"]
Interpolated = Literal["z", "class", "both"]  # what changes along an interpolation: runs/figures.py

LARGEST_TRUNCATION = 2.0  # that an export with standing or moving statistics is asked for
THRESHOLDS = (2.0, 1.5, 1.0, 0.5, 0.04)  # of z's truncation in BigGAN's Fig. 2a; its published modules take 51
