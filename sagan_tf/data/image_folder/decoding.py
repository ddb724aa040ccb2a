"""Decodes image files of any color mode to 8-bit RGB."""

import pathlib
import re

import numpy as np
from PIL import ExifTags, Image, ImageOps

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_PIXELS = 2**26  # 67 million: more than the 61 of cameras, and 192 MiB when decoded


class UnreadableImageError(ValueError):
    """The file is not an image, is truncated, or is too large. The message says which, without the path."""


def decode(path: pathlib.Path, *, max_pixels: int | None = None) -> np.ndarray:
    """Decodes a whole image file -> uint8 (h, w, 3).

    Gray is repeated over the channels, 16-bit gray is divided by 257 and rounded, of 16-bit colors the upper bytes are
    taken, palettes and CMYK are converted, transparent pixels are blended with white, and the EXIF orientation is
    applied. The format is recognized by the file's content, not by its name. Of an animation the first frame is used.
    JPEG files have no checksum, so that flipped bits among their pixels are not noticed; PNG files have one.

    A `max_pixels` above Pillow's own limit raises that limit for the whole process.

    Raises:
      UnreadableImageError: if the file is not an image of a known format, is truncated, damaged or unreadable, or has
        more than `max_pixels` pixels according to its header, before anything is decoded.
    """
    if max_pixels is not None and Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels)
    try:
        with Image.open(path, formats=FORMATS) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise UnreadableImageError(f"{image.width} x {image.height} pixels, more than max_pixels={max_pixels}")
            image.load()
            rotated = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            return np.asarray(_rgb(ImageOps.exif_transpose(image) if rotated else image))
    except UnreadableImageError:
        raise
    except Image.DecompressionBombError as error:
        n_pixels = next(iter(re.findall(r"\d+", str(error))), "far too many")
        raise UnreadableImageError(f"{n_pixels} pixels, more than max_pixels={max_pixels or MAX_PIXELS}") from error
    except PermissionError as error:
        raise UnreadableImageError("no permission to read it") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error, ... on damaged files
        raise UnreadableImageError(_reason(path, error)) from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        levels = np.clip(np.asarray(image, np.float64), 0, 65535)
        return Image.fromarray(np.rint(levels / 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _reason(path: pathlib.Path, error: Exception) -> str:
    if path.is_file() and path.stat().st_size == 0:
        return "empty file"
    if isinstance(error, FileNotFoundError):
        return "missing (a broken link?)"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a PNG, JPEG, WebP or BMP image"
    return f"damaged or cut short ({error})"
