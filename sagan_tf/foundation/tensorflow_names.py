"""TensorFlow writes only files whose names are UTF-8. Python and its libraries take any bytes."""

import os
from pathlib import Path

from sagan_tf.foundation.files import OutputError


def check_tensorflow_name(flag: str, path: Path | str) -> None:
    """Refuses an output whose name TensorFlow can't write, before any work.

    flag: the flag that names the output, such as "--out".

    Raises:
      OutputError: if the name has bytes that are not UTF-8.
    """
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeError:
        raise OutputError(
            f"{flag} must have a name in UTF-8, since TensorFlow takes no other; received {flag}={path}. Choose "
            "another name."
        ) from None
