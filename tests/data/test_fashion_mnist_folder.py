import gzip
import pathlib
import runpy
import struct

import numpy as np
from PIL import Image

from sagan_tf.data.image_folder.layout import find_images


def test_idx_files_become_class_folders(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 10
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (tmp_path / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    script = runpy.run_path(str(pathlib.Path(__file__).with_name("fashion_mnist_folder.py")))
    assert script["write_folder"](tmp_path, tmp_path / "out") == 30
    found = find_images(tmp_path / "out", None)
    assert sorted(found.class_names) == sorted(script["CLASSES"]) and len(found.paths) == 30
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "coat" / "00014.png")), images[14])
