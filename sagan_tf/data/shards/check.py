"""Finding missing, cut and damaged shards by size and checksum."""

import pathlib

from sagan_tf.data.check_cache import CheckCache, stamp
from sagan_tf.data.in_parallel import in_parallel
from sagan_tf.data.shards.index import Shard, ShardIndex
from sagan_tf.foundation import files


def damaged_shards(folder: pathlib.Path, index: ShardIndex) -> dict[str, str]:
    """Name -> what is wrong, of the index's shards that are not as they were written.

    Every byte is read, in parallel, with a progress bar where that takes long; a shard found good is remembered by its
    size and time of change, and not read again at the next start.
    """
    memory = CheckCache(folder, "sha256")
    known = memory.recall()
    stamps = {shard.name: stamp(folder / shard.name) for shard in index.shards}
    unsure = [shard for shard in index.shards if known.get(shard.name) != [stamps[shard.name], shard.sha256]]

    def check(shard: Shard) -> str:
        return _what_is_wrong(folder / shard.name, shard)

    found = in_parallel(check, unsure, "shard", "checking shards")
    damaged = {shard.name: reason for shard, reason in zip(unsure, found, strict=True) if reason}
    if unsure:
        memory.keep(
            {shard.name: [stamps[shard.name], shard.sha256] for shard in index.shards if shard.name not in damaged}
        )
    return damaged


def _what_is_wrong(path: pathlib.Path, shard: Shard) -> str:
    """Empty where nothing is."""
    try:
        n_bytes = path.stat().st_size
        if n_bytes != shard.n_bytes:
            return f"{n_bytes} bytes instead of {shard.n_bytes}"
        return "" if files.sha256(path) == shard.sha256 else "its checksum differs: damaged"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable: {error.strerror}"
