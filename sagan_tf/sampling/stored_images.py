"""Writes images to disk as they are drawn, as PNG files or one .npz; an interrupted call can be repeated to resume.

Both store a plan with the images, which says how they are made. Images of different plans are never mixed.
"""

import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sagan_tf.foundation import files
from sagan_tf.foundation.file_names import in_file_name

_PLAN = "sampled.json"


class PlanError(ValueError):
    """The output already holds images of another plan."""


class PngFolder:
    """FOLDER/00000_CLASS.png and so on, with the plan in FOLDER/sampled.json; without classes, FOLDER/00000.png."""

    def __init__(self, folder: Path, names: Sequence[str], *, gray: bool = False):
        """names: the class of each image, in order; characters that file names can't hold become "_".

        gray: writes files of one channel; the images have three equal ones.
        """
        self.folder = folder
        self._gray = gray
        self._paths = [
            folder / f"{number:05d}{name and '_'}{name}.png" for number, name in enumerate(map(in_file_name, names))
        ]

    def check(self, plan: Mapping) -> None:
        """Writes nothing.

        Raises:
          PlanError: if the folder holds images of another plan.
        """
        if not _same_plan(self.folder, plan) and any(self.folder.glob("*.png")):
            raise PlanError(
                "--out must be a new folder or one that the same command has written; received "
                f"--out={self.folder}, which holds other images. Name another folder."
            )

    def begin(self, plan: Mapping) -> int:
        """Starts or resumes; returns the number of images that already exist.

        Raises:
          PlanError: if the folder holds images of another plan.
        """
        self.check(plan)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not _same_plan(self.folder, plan):
            _write_plan(self.folder, plan)
        return next((i for i, path in enumerate(self._paths) if not path.exists()), len(self._paths))

    def write(self, first: int, images: np.ndarray) -> None:
        """Writes images (b,R,R,3) uint8, starting with number `first`, each file atomically."""
        for path, image in zip(self._paths[first:], images, strict=False):
            with files.replacing(path) as temporary:
                Image.fromarray(image[..., 0] if self._gray else image).save(temporary, format="PNG")

    def finish(self) -> Path:
        return self.folder


class NpzFile:
    """An .npz with `arr_0` uint8 (N,R,R,3) and `labels` int32 (N,), as evaluation suites read them.

    `class_names` (K,) are those of the run; without them readers only have the labels' numbers. Until all images
    exist, parts of them are kept in the folder FILE.parts.

    has_classes: if False, the labels mean nothing and aren't written.
    """

    def __init__(
        self,
        path: Path,
        labels: np.ndarray,
        resolution: int,
        class_names: Sequence[str] = (),
        *,
        has_classes: bool = True,
    ):
        self.path = path
        self._arrays = {"labels": labels} if has_classes else {}
        self._arrays |= {"class_names": np.array(class_names, np.str_)} if has_classes and class_names else {}
        self._shape = (len(labels), resolution, resolution, 3)
        self._parts = path.with_name(path.name + ".parts")
        self._done = 0

    def check(self, plan: Mapping) -> None:
        """Refuses nothing: the file is replaced, and so are parts of another plan."""

    def begin(self, plan: Mapping) -> int:
        """Starts or resumes; returns the number of images that already exist. Parts of another plan are deleted."""
        if not _same_plan(self._parts, plan):
            shutil.rmtree(self._parts, ignore_errors=True)
            self._parts.mkdir(parents=True)
            _write_plan(self._parts, plan)
        self._done = 0
        for path in sorted(self._parts.glob("part-*.npy")):
            count = _rows(path) if path.name == self._part(self._done).name else 0
            self._done += count
            if not count:
                path.unlink()  # damaged, or behind one that is missing
        return self._done

    def _part(self, first: int) -> Path:
        return self._parts / f"part-{first:09d}.npy"

    def write(self, first: int, images: np.ndarray) -> None:
        """Writes images (b,R,R,3) uint8, starting with number `first`, as one part, atomically.

        Those that are there already are left out: a call that goes on in batches of another size draws some again.
        """
        images, first = images[max(0, self._done - first) :], max(first, self._done)
        if not len(images):
            return
        self._done = first + len(images)
        path = self._part(first)
        with files.replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, images)

    def finish(self) -> Path:
        """Joins the parts, holding one at a time in memory."""
        with (
            files.replacing(self.path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
        ):
            with archive.open("arr_0.npy", "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": self._shape}
                np.lib.format.write_array_header_1_0(file, header)
                for path in sorted(self._parts.glob("part-*.npy")):
                    file.write(np.load(path).tobytes())
            for name, array in self._arrays.items():
                with archive.open(f"{name}.npy", "w") as file:
                    np.lib.format.write_array(file, array)
        shutil.rmtree(self._parts)
        return self.path


def _rows(path: Path) -> int:
    """The number of images in a part; 0 for a damaged one."""
    try:
        return len(np.load(path, mmap_mode="r"))
    except (OSError, ValueError, EOFError):
        return 0


def _same_plan(folder: Path, plan: Mapping) -> bool:
    """Whether the folder holds this plan; a damaged one is another."""
    path = folder / _PLAN
    try:
        return path.exists() and json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(plan))
    except ValueError:
        return False


def _write_plan(folder: Path, plan: Mapping) -> None:
    files.write_text(folder / _PLAN, json.dumps(plan, indent=1, ensure_ascii=False))
