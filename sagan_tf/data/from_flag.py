"""The data set that `--data` names on the command line."""

import re
from collections.abc import Callable

from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.shards.index import INDEX_NAME
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import DataError, Source
from sagan_tf.data.tfds import TfdsSource
from sagan_tf.foundation.home_folder import with_home


def _tfds(data: str, data_dir: str | None) -> Source:
    parts = re.fullmatch(r"tfds:(?P<name>[^:]+(:[\d*]+\.[\d*]+\.[\d*]+)?)(:(?P<split>[^:].*))?", data)
    if parts is None:
        raise DataError(f"A TFDS data set must be named tfds:NAME or tfds:NAME:SPLIT; received --data={data}.")
    return TfdsSource(name=parts["name"], split=parts["split"] or "train", data_dir=data_dir)


# Data sets that have a name instead of a folder: a pattern of the flag's value, and the function that makes a source
# (value, data_dir). A new data set only needs a row here.
NAMED: dict[str, Callable[[str, str | None], Source]] = {
    r"procedural": lambda data, data_dir: ProceduralSource(),
    r"tfds:.*": _tfds,
}


def named_source(data: str, data_dir: str | None = None) -> Source | None:
    """The data set of this name, such as `procedural` or `tfds:NAME[:VERSION][:SPLIT]`; None if it isn't such a name.

    Raises:
      DataError: for a name with a wrong spelling.
    """
    return next((source(data, data_dir) for pattern, source in NAMED.items() if re.fullmatch(pattern, data)), None)


def source_from_flag(data: str, data_dir: str | None = None) -> Source:
    """The data set of `--data`: a named one (see `named_source`), or a folder of images or of prepared shards.

    A folder of shards is recognized by its index.

    data_dir: the folder in which TFDS stores its data sets.

    Raises:
      DataError: for a name or folder that doesn't exist.
    """
    if data_dir and not data.startswith("tfds:"):
        raise DataError(
            f"--data_dir is where TFDS keeps its data sets, and must go with tfds:NAME; received --data_dir={data_dir} "
            f"with {data}. Leave it out."
        )
    if source := named_source(data, data_dir):
        return source
    folder = with_home(data).absolute()
    if not folder.is_dir():
        raise DataError(
            f"The data must be a folder of images, a folder of prepared shards, tfds:NAME, or procedural; "
            f"received --data={data}, and there is no such folder. Check the path."
        )
    if (folder / INDEX_NAME).exists():
        return PreparedShards(path=str(folder))
    return ImageFolder(path=str(folder))
