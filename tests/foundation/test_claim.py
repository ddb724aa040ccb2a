"""A claimed folder has one writer, and a crash leaves it free."""

import os
import re

import pytest

from sagan_tf.foundation import files
from sagan_tf.foundation.claim import claimed


def test_a_claimed_folder_is_refused_without_harm_and_free_afterwards(tmp_path):
    with claimed(tmp_path) as marker:
        half = tmp_path / f".tmp-shard-{os.getpid()}"
        half.write_text("half")
        said = re.escape(
            f"{tmp_path} must be written by one process at a time; received it while process {os.getpid()}"
        )
        with pytest.raises(files.OutputError, match=said), claimed(tmp_path):
            pass
        assert half.exists() and marker.exists()
        half.unlink()
    assert not list(tmp_path.iterdir())
    with claimed(tmp_path):
        pass


def test_what_a_killed_process_left_is_no_claim(tmp_path):
    with claimed(tmp_path) as marker:
        pid, _, rest = marker.name.removeprefix(".tmp-claim-").split(".", 2)
    (tmp_path / f".tmp-claim-{pid}.1.{rest}").touch()  # an earlier process of this id
    (tmp_path / ".tmp-shard-7").write_text("half")
    with claimed(tmp_path) as marker:
        assert list(tmp_path.iterdir()) == [marker]
