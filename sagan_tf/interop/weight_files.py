"""Reads files of weights according to their extension, without executing code in them."""

from pathlib import Path

import numpy as np

from sagan_tf.interop.tensor_files import WeightsError, read_npz, read_safetensors
from sagan_tf.interop.torch_files import read_torch

READERS = {
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    **dict.fromkeys((".pth", ".pt", ".bin"), read_torch),
}


def read(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file under their original names.

    Raises:
      WeightsError: if the file is missing, can't be read, or holds anything but tensors.
    """
    if path.suffix not in READERS or not path.is_file():
        raise WeightsError(
            f"weights must be an existing file ending in {', '.join(READERS)}; received {path}. BigGAN-PyTorch saves "
            "G_ema.pth and D.pth, Hugging Face's port pytorch_model.bin."
        )
    return READERS[path.suffix](path)
