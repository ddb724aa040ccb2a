import subprocess
import sys

import pytest
from PIL import Image

SCRIPT = """
import sys
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.pipeline import training_batches
from sagan_tf.data.transforms import Transform
examples = ImageFolder(path=sys.argv[1]).open(32)
batches = iter(training_batches(examples, resolution=32, batch_size=4, seed=0, transform=Transform(), cache_bytes=0))
next(batches)
"""


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(5))
def test_a_program_ends_while_its_pipeline_is_alive(tmp_path, attempt):
    for i in range(40):
        Image.new("RGB", (300, 200), (i, 0, 0)).save(tmp_path / f"{i}.png")
    ended = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], timeout=60, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
