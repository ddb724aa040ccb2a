"""Turns Debian's package dataset-fashion-mnist into class folders of PNG files: 60,000 images of 28 x 28, 10 classes.

apt-get install dataset-fashion-mnist
python tests/data/fashion_mnist_folder.py FOLDER
python -m sagan_tf.train --gin_file=gin/quickstart.gin --data=FOLDER --run_dir=RUN
"""

import argparse
import gzip
import pathlib
import sys

import numpy as np
from PIL import Image

PACKAGE = "/usr/share/datasets/fashion-mnist"
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def read_idx(path: pathlib.Path) -> np.ndarray:
    """An array of the IDX format: two zero bytes, type 8 (uint8), rank, big-endian sizes, data."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"An IDX file of bytes must begin with 0, 0, 8; received {content[:3]!r} in {path}.")
    rank = content[3]
    sizes = np.frombuffer(content, ">u4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(sizes)


def write_folder(package: pathlib.Path, out: pathlib.Path, prefix: str = "train") -> int:
    """Writes out/CLASS/00000.png ... for each image; returns their number."""
    images = read_idx(package / f"{prefix}-images-idx3-ubyte.gz")
    labels = read_idx(package / f"{prefix}-labels-idx1-ubyte.gz")
    for name in CLASSES:
        (out / name).mkdir(parents=True, exist_ok=True)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(out / CLASSES[label] / f"{i:05d}.png")
    return len(labels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="folder for the class folders")
    parser.add_argument("--package", type=pathlib.Path, default=pathlib.Path(PACKAGE), help="folder of the IDX files")
    parser.add_argument("--prefix", choices=("train", "t10k"), default="train", help="t10k: the 10,000 test images")
    flags = parser.parse_args()
    if not flags.package.is_dir():
        print(f"error: {flags.package} is not there. Run: apt-get install dataset-fashion-mnist", file=sys.stderr)
        return 2
    print(f"{write_folder(flags.package, flags.out, flags.prefix)} images in {flags.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
