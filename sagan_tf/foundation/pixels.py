"""The linear map between 8-bit levels 0..255 and the networks' images in [-1, 1], for NumPy arrays and tensors."""

LEVELS = 127.5  # 8-bit levels per unit of the networks' images


def normalized(levels):
    """Floating-point levels in [0, 255], any shape, to [-1, 1]: levels / 127.5 - 1."""
    return levels / LEVELS - 1.0


def levels(images):
    """Images in [-1, 1], any shape, to levels in [0, 255]: 127.5 (images + 1), neither rounded nor clipped."""
    return (images + 1.0) * LEVELS
