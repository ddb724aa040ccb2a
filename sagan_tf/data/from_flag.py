"""The data set that a command line names, in place of the gin file's."""

import pathlib
import re

from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.shards.index import INDEX_NAME
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import DataError, Source
from sagan_tf.data.tfds import TfdsSource


def source_from_flag(data: str, data_dir: str | None = None) -> Source:
    """`--data`: a folder of images, a folder of prepared shards, `procedural`, or `tfds:NAME[:VERSION][:SPLIT]`.

    A folder of shards is told by its index. `data_dir` is where TFDS data sets lie. Raises DataError.
    """
    if data == "procedural":
        return ProceduralSource()
    if data.startswith("tfds:"):
        parts = re.fullmatch(r"tfds:(?P<name>[^:]+(:[\d*]+\.[\d*]+\.[\d*]+)?)(:(?P<split>[^:].*))?", data)
        if parts is None:
            raise DataError(f"A TFDS data set must be named tfds:NAME or tfds:NAME:SPLIT; received --data={data}.")
        return TfdsSource(name=parts["name"], split=parts["split"] or "train", data_dir=data_dir)
    folder = pathlib.Path(data).expanduser().absolute()
    if not folder.is_dir():
        raise DataError(
            f"The data must be a folder of images, a folder of prepared shards, tfds:NAME, or procedural; "
            f"received --data={data}, and there is no such folder. Check the path."
        )
    if (folder / INDEX_NAME).exists():
        return PreparedShards(path=str(folder))
    return ImageFolder(path=str(folder))
