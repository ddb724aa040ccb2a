"""Image files of any color mode to 8-bit RGB."""

import pathlib
import re

import numpy as np
from PIL import ExifTags, Image, ImageOps

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_PIXELS = 2**26  # 67 million: larger than cameras' 61, and 192 MiB once decoded


class UnreadableImageError(ValueError):
    """The file is no image, is cut short, or is too large. The message says which, without the path."""


def decode(path: pathlib.Path, *, max_pixels: int | None = None) -> np.ndarray:
    """Decodes a whole image file -> uint8 (h, w, 3).

    Grey is repeated over the channels; 16-bit grey is divided by 257 and rounded; palettes are looked up; CMYK is
    converted; transparent pixels are laid over white; the EXIF orientation is applied. The file's content decides
    what it is, not its name. Of an animation the first picture counts. A JPEG file carries no checksum: bits that
    flipped inside its pixels pass unnoticed, as in every decoder; PNG files do carry one.

    Raises UnreadableImageError: no image of the known formats, truncated, damaged, unreadable, or over `max_pixels`
    (found in the header, before anything is decoded). A `max_pixels` above Pillow's own limit raises that for the
    whole process.
    """
    if max_pixels is not None and Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels)
    try:
        with Image.open(path, formats=FORMATS) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise UnreadableImageError(f"{image.width} x {image.height} pixels, more than max_pixels={max_pixels}")
            image.load()
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            return np.asarray(_rgb(ImageOps.exif_transpose(image) if turned else image))
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
