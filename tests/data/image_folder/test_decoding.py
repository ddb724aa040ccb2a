import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sagan_tf.data.image_folder.decoding import UnreadableImageError, decode

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLORS = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp"])
def test_rgb_is_read_exactly(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    np.testing.assert_array_equal(decode(saved(tmp_path / name, Image.fromarray(COLORS), **options)), COLORS)


def test_jpeg_is_read_within_its_loss(tmp_path):
    smooth = np.stack(np.broadcast_arrays(np.arange(64)[:, None] * 3, np.arange(64) * 2, 90), -1).astype(np.uint8)
    read = decode(saved(tmp_path / "a.jpg", Image.fromarray(smooth), quality=95))
    assert np.abs(read.astype(int) - smooth).max() <= 8


def test_grey_is_repeated(tmp_path):
    np.testing.assert_array_equal(
        decode(saved(tmp_path / "a.png", Image.fromarray(RAMP))), np.repeat(RAMP[..., None], 3, -1)
    )


def test_one_bit_is_black_and_white(tmp_path):
    bits = (RAMP > 100).astype(np.uint8) * 255
    np.testing.assert_array_equal(decode(saved(tmp_path / "a.png", Image.fromarray(bits).convert("1")))[..., 2], bits)


def test_sixteen_bits_are_divided_by_257(tmp_path):
    levels = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    read = decode(saved(tmp_path / "a.png", Image.fromarray(levels)))
    np.testing.assert_array_equal(read[..., 0], np.rint(levels / 257).astype(np.uint8))
    assert read[0, 0, 0] == 0 and read[-1, -1, 0] == 255


def test_palettes_are_looked_up(tmp_path):
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1, 1, 0])
    np.testing.assert_array_equal(
        decode(saved(tmp_path / "a.png", image)), [[[10, 20, 30], [200, 100, 0]], [[200, 100, 0], [10, 20, 30]]]
    )


def test_transparency_shows_white(tmp_path):
    rgba = np.dstack([COLORS, RAMP])
    expected = COLORS * (RAMP[..., None] / 255.0) + 255 * (1 - RAMP[..., None] / 255.0)
    read = decode(saved(tmp_path / "a.png", Image.fromarray(rgba)))
    assert np.abs(read - expected).max() <= 1
    grey_alpha = decode(saved(tmp_path / "b.png", Image.fromarray(np.dstack([RAMP, RAMP * 0]))))
    np.testing.assert_array_equal(grey_alpha, 255)


def test_a_transparent_palette_entry_shows_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1])
    read = decode(saved(tmp_path / "a.png", image, transparency=1))
    np.testing.assert_array_equal(read, [[[10, 20, 30], [255, 255, 255]]])


def test_cmyk_is_converted(tmp_path):
    read = decode(saved(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=95))
    assert np.abs(read.astype(int) - [255, 0, 0]).max() <= 3


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees
    read = decode(saved(tmp_path / "a.png", Image.fromarray(COLORS[:, :10]), exif=exif))
    np.testing.assert_array_equal(read, np.rot90(COLORS[:, :10], -1))


def test_the_content_decides_not_the_name(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(COLORS).save(path, format="PNG")
    np.testing.assert_array_equal(decode(path), COLORS)


def png_header(width, height):
    """A PNG file of this size whose pixels are missing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"\0")
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, pixels)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def damaged(path, kind):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    if kind in ("cut jpeg", "cut png", "cut webp", "cut bmp"):
        image.save(path, format=kind.split()[1].upper())
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
    elif kind == "flipped png":
        image.save(path, format="PNG")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    elif kind == "gif":
        image.save(path, format="GIF")
    else:
        path.write_bytes(
            {
                "empty": b"",
                "text": b"not an image",
                "html": b"<html><body>404</body></html>",
                "header alone": png_header(64, 64),
            }[kind]
        )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("cut jpeg", "cut short"),
        ("cut png", "cut short"),
        ("cut webp", "cut short|not a PNG"),
        ("cut bmp", "cut short"),
        ("flipped png", "damaged"),
        ("gif", "not a PNG"),
        ("empty", "empty"),
        ("text", "not a PNG"),
        ("html", "not a PNG"),
        ("header alone", "cut short"),
    ],
)
def test_damaged_files_are_refused(tmp_path, kind, reason):
    damaged(tmp_path / "a.png", kind)
    with pytest.raises(UnreadableImageError, match=reason):
        decode(tmp_path / "a.png", max_pixels=10**6)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000), (2**31 - 1, 2)])
def test_bombs_are_refused_by_their_header(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_header(*size))
    with pytest.raises(UnreadableImageError, match="pixels"):
        decode(tmp_path / "a.png", max_pixels=2**26)


def test_a_very_wide_image_is_read(tmp_path):
    wide = decode(saved(tmp_path / "a.png", Image.new("L", (40_000, 3), 7)), max_pixels=2**26)
    assert wide.shape == (3, 40_000, 3) and (wide == 7).all()


def test_missing_files_are_named_so(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(UnreadableImageError, match="missing"):
        decode(tmp_path / "a.png")
