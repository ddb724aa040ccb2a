"""Sheets put every image where its row and column say."""

import numpy as np
from PIL import Image

from sagan_tf.figures import sheets


def test_images_stand_in_their_cells_enlarged_pixel_by_pixel(tmp_path):
    images = np.zeros((6, 16, 16, 3), np.uint8)
    for i in range(6):
        images[i] = 40 * i
    images[5, 0, 0] = (255, 0, 0)
    path = sheets.save(sheets.sheet(images, ["a long name", "b"]), tmp_path / "deep" / "sheet.png")
    sheet = np.asarray(Image.open(path))
    assert path.exists() and not list(path.parent.glob(".*"))
    left = sheet.shape[1] - 3 * 66
    for i in range(6):
        cell = sheet[2 + 66 * (i // 3) :, left + 66 * (i % 3) :][:64, :64]
        assert (cell[8:] == 40 * i).all()
    np.testing.assert_array_equal(cell[:4, :4], np.broadcast_to([255, 0, 0], (4, 4, 3)))
    assert (sheet[:, : left - 8] < 100).any(), "names are written"
