"""The index of a folder of prepared shards: the settings that they were made with, and a checksum of each."""

import dataclasses
import hashlib
import json
import pathlib
import shlex
from typing import Literal

from sagan_tf.data.source import DataError
from sagan_tf.foundation import files
from sagan_tf.foundation.check_cache import CheckCache, stamp
from sagan_tf.foundation.progress import in_parallel

INDEX_NAME = "sagan_tf_shards.json"
VALIDATION_FOLDER = "validation"  # below the training shards
VERSION = 1
Encoding = Literal["png", "jpeg"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """The settings that determine the shards of a folder: equal plans give equal shards.

    Attributes:
      source, fingerprint: name and content identity of the source.
      class_names: of the source.
      n_source: the number of examples that are read, including those left out as too small.
      resolution, method: of the transform (see `Transform`).
      min_short_edge: images with a shorter edge are left out.
      encoding: "png", lossless, or "jpeg".
      quality: of the JPEG encoding, 1..100; 0 with "png".
      per_shard: the number of examples that are read per shard.
      split: "train", or "validation", which may lack some of the classes.
    """

    source: str
    fingerprint: str
    class_names: tuple[str, ...]
    n_source: int
    resolution: int
    method: str
    min_short_edge: int = 0
    encoding: Encoding = "png"
    quality: int = 0
    per_shard: int
    split: Literal["train", "validation"] = "train"

    @property
    def n_shards(self) -> int:
        return -(-self.n_source // self.per_shard)

    def n_in_shard(self, number: int) -> int:
        """The number of examples that are read for a shard."""
        return min(self.per_shard, self.n_source - number * self.per_shard)

    def shard_name(self, number: int) -> str:
        return f"shard-{number:05d}-of-{self.n_shards:05d}.tfrecord"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
    """One finished file: its size in bytes, its checksum, and its number of examples per class."""

    name: str
    n_bytes: int
    sha256: str
    class_counts: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(self.class_counts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """A plan and its finished shards. gray: whether the source's images are known to be gray."""

    plan: ShardPlan
    shards: tuple[Shard, ...] = ()
    gray: bool = False

    @property
    def complete(self) -> bool:
        return len(self.shards) == self.plan.n_shards

    @property
    def class_counts(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(*(shard.class_counts for shard in self.shards), strict=True)))

    @property
    def count(self) -> int:
        return sum(shard.count for shard in self.shards)

    def with_shard(self, shard: Shard) -> "ShardIndex":
        others = [other for other in self.shards if other.name != shard.name]
        return dataclasses.replace(self, shards=tuple(sorted([*others, shard], key=lambda each: each.name)))

    def without(self, names: set[str]) -> "ShardIndex":
        return dataclasses.replace(self, shards=tuple(shard for shard in self.shards if shard.name not in names))

    def content_key(self) -> str:
        """Identity of the content, 16 hexadecimal digits, from class names and checksums."""
        parts = [*self.plan.class_names, *(shard.sha256 for shard in self.shards)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def write(self, folder: pathlib.Path):
        """Writes the index to its folder atomically."""
        content = {
            "version": VERSION,
            "examples": self.count,
            "class_counts": dict(zip(self.plan.class_names, self.class_counts, strict=False)),
            **dataclasses.asdict(self),
        }
        files.write_text(folder / INDEX_NAME, json.dumps(content, ensure_ascii=False), durable=True)


def read_index(folder: pathlib.Path) -> ShardIndex:
    """Reads the index of a folder of shards.

    Raises:
      DataError: if it is missing, damaged, or of another version.
    """
    path = folder / INDEX_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"A folder of prepared shards must have its index; received {folder} without {INDEX_NAME}. "
            f"Prepare one: python -m sagan_tf.prepare_data --source=... --out={shlex.quote(str(folder))}"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"The index must be readable JSON; received {path}: {error}. Prepare the shards again; intact "
            f"files are not written twice."
        ) from error
    try:
        if content["version"] != VERSION:
            raise DataError(
                f"The index must be of version {VERSION}; received version={content['version']} in {path}. "
                f"Prepare the shards again."
            )
        plan = ShardPlan(**{**content["plan"], "class_names": tuple(content["plan"]["class_names"])})
        shards = tuple(Shard(**{**shard, "class_counts": tuple(shard["class_counts"])}) for shard in content["shards"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"The index must hold a plan and its shards; received {path} with {error!r} wrong. Prepare the "
            f"shards again."
        ) from error
    return ShardIndex(plan=plan, shards=shards, gray=content.get("gray") is True)


def damaged_shards(folder: pathlib.Path, index: ShardIndex) -> dict[str, str]:
    """Finds missing, truncated and damaged shards by size and checksum: name -> what is wrong.

    Every byte is read, in parallel, with a progress bar if it takes long. A good shard is remembered by its size and
    modification time, and not read again at the next start.
    """
    cache = CheckCache(folder, "sha256")
    known = cache.read()
    stamps = {shard.name: stamp(folder / shard.name) for shard in index.shards}
    unchecked = [shard for shard in index.shards if known.get(shard.name) != [stamps[shard.name], shard.sha256]]

    def check(shard: Shard) -> str:
        return _what_is_wrong(folder / shard.name, shard)

    found = in_parallel(check, unchecked, "shard", "checking shards")
    damaged = {shard.name: reason for shard, reason in zip(unchecked, found, strict=True) if reason}
    if unchecked:
        cache.write(
            {shard.name: [stamps[shard.name], shard.sha256] for shard in index.shards if shard.name not in damaged}
        )
    return damaged


def _what_is_wrong(path: pathlib.Path, shard: Shard) -> str:
    """What is wrong with a shard's file; "" if nothing is."""
    try:
        n_bytes = path.stat().st_size
        if n_bytes != shard.n_bytes:
            return f"{n_bytes} bytes instead of {shard.n_bytes}"
        return "" if files.sha256(path) == shard.sha256 else "its checksum differs: damaged"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable: {error.strerror}"
