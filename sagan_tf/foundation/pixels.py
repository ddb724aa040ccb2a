"""The linear map between 8-bit levels 0..255 and the networks' images in [-1, 1], and what gray images are."""

LEVELS = 127.5  # 8-bit levels per unit of the networks' images


def normalized(levels):
    """Floating-point levels in [0, 255], an array or tensor of any shape, to [-1, 1]: levels / 127.5 - 1."""
    return levels / LEVELS - 1.0


def levels(images):
    """Images in [-1, 1], of any shape, to levels in [0, 255]: 127.5 (images + 1), neither rounded nor clipped."""
    return (images + 1.0) * LEVELS


def is_gray(images) -> bool:
    """Whether all pixels of an array of images (..., 3) are gray, that is, have three equal channels."""
    return bool((images[..., 1:] == images[..., :1]).all())
