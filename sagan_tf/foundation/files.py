"""Atomic and durable writing of files, and messages for disk errors."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sagan_tf.foundation.notes import warn
from sagan_tf.foundation.writers import may_be_writing, signature

TEMPORARY = ".tmp-"  # prefix of files and folders that are being written; after a crash they may be deleted

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.EIO)
_RARE = (errno.ENAMETOOLONG, errno.ELOOP, errno.ESTALE, errno.EMFILE, errno.EBUSY, errno.ENOTCONN)
_RARE += (errno.EREMOTEIO,) if hasattr(errno, "EREMOTEIO") else ()  # Linux only
_REASONS = {os.strerror(number): number for number in (*_FULL, *_REFUSED, *_RARE)}
_noted: set[str] = set()
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9]+:/")  # "gs://bucket", which a Path shortens to "gs:/bucket"; not "C:/"


class OutputError(OSError):
    """An output can't be written; the message is a complete sentence for the user."""


@contextlib.contextmanager
def replacing(path: Path | str, *, durable: bool = False) -> Iterator[Path]:
    """Yields a temporary path beside `path` that replaces `path` when the block ends without an exception.

    Readers see either the former or the new file, never a part of it. Missing parent folders are created.

    durable: return only after the content and the new name are on the disk (fsync).

    Raises:
      OSError: naming `path`, if it can't be written; the former file stays.
    """
    path = Path(path)
    # Short of the longest name, and of this write alone: processes of several containers may have the same id.
    temporary = path.with_name(f"{TEMPORARY}{path.name[:40]}-{signature()}")
    try:
        _refuse_special(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            flush(temporary)
        os.replace(temporary, path)
        if durable:
            flush(path.parent)
    except OSError as error:
        if error.errno is None or isinstance(error, OutputError):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # a failed write doesn't know its file
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _refuse_special(path: Path) -> None:
    """Renaming a file over a device, such as /dev/null, would destroy it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise PermissionError(errno.EPERM, "not a regular file", str(path))


def write_text(path: Path | str, text: str, *, durable: bool = False) -> None:
    """Replaces the content of a file by `text`; see `replacing`. What UTF-8 lacks is escaped: "\\udce9", as in JSON."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def flush(path: Path | str) -> None:
    """Flushes a file's content, or a folder's entries, to the disk (fsync). Windows can't flush a folder."""
    if os.name == "nt" and os.path.isdir(path):
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(temporary: Path, target: Path) -> None:
    """Renames a finished and flushed file or folder, durably."""
    os.rename(temporary, target)
    flush(target.parent)


def sweep(folder: Path) -> None:
    """Removes the unfinished files that a crash left in a folder, but none that a process may be writing."""
    for left in folder.glob(f"{TEMPORARY}*"):
        if may_be_writing(left):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def share(source: Path, target: Path) -> None:
    """Creates a folder with the same files: hard links, or copies if the file system has no links."""
    shutil.copytree(source, target, copy_function=_link)
    flush(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        flush(Path(target))


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def cache_folder(kind: str) -> Path:
    """The folder for one kind of cached files; it is created by the first write.

    The root is $SAGAN_TF_CACHE, else $XDG_CACHE_HOME/sagan_tf, else ~/.cache/sagan_tf.
    """
    if root := os.environ.get("SAGAN_TF_CACHE"):
        return Path(os.path.expanduser(root)) / kind
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(xdg):  # the specification says to ignore relative ones
        xdg = os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(xdg):  # a process without a home
        xdg = tempfile.gettempdir()
    return Path(xdg) / "sagan_tf" / kind


def reason(error: BaseException) -> str | None:
    """The system's reason for a disk error; None for other errors.

    TensorFlow's errors hold it in their text.
    """
    if isinstance(error, OSError):
        return error.strerror if error.errno in _REASONS.values() else None
    if type(error).__module__.partition(".")[0] != "tensorflow":
        return None
    said = str(error).lower()
    return next((text for text in _REASONS if text.lower() in said), None)


def explain(error: BaseException, place: Path | str | None = None) -> str | None:
    """A message for a disk error, with path, reason and remedy; None for other errors.

    place: the path to name if the error doesn't name its file.
    """
    if isinstance(error, OutputError):
        return str(error)
    if (why := reason(error)) is None:
        return None
    path = getattr(error, "filename", None) or _path_in(str(error), why) or place or "a file"
    path = os.fsdecode(path) if isinstance(path, bytes) else path
    code = error.errno if isinstance(error, OSError) else _REASONS[why]
    if code in _FULL:
        return (
            f"{path} could not be written ({why}); {free_megabytes(path)} MB are free there. Finished files are "
            "untouched: free some space and repeat the command."
        )
    advice = "Check the path and its permissions, or choose another location."
    if code == errno.ENOENT:
        advice = "Restore it, or check the path."
    return f"{path} must exist and be accessible; received: {why}. {advice}"


def _path_in(text: str, why: str) -> str | None:
    """The path in a message of TensorFlow: "PATH; REASON" or "PATH is REASON", possibly after the name of a node."""
    for link in (f"; {why}", f" is {why.lower()}"):
        before, found, _ = text.partition(link)
        if found and before:
            return before.splitlines()[-1].rpartition("}} ")[2]
    return None


def free_megabytes(path: Path | str) -> int:
    """The free space in MB where `path` is or would be created; 0 if it can't be determined."""
    try:
        return shutil.disk_usage(_existing(Path(path))).free >> 20
    except OSError:
        return 0


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    path = path.absolute()
    return next((p for p in (path, *path.parents) if os.path.lexists(p)), path)


def check_output(flag: str, path: Path | str, *, folder: bool = False, append: bool = False) -> None:
    """Checks before any work that an output can be written, by writing a temporary file.

    flag: the flag that names the output, such as "--out".
    folder: the output is a folder of files, not a file.
    append: lines are appended to the file, so that it may be a device.

    Raises:
      OutputError: with path, reason and remedy.
    """
    kind = "folder" if folder else "file"
    if _ADDRESS.match(str(path)):
        raise OutputError(f"{flag} must be a {kind} on a local disk; received {flag}={path}. Copy it there afterwards.")
    try:
        path = Path(path)
        if "\0" in str(path):
            raise ValueError("embedded null byte")
        if not folder and append and path.exists():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with path.open("ab"):
                return
        if not folder:
            _refuse_special(path)
        place = _existing(path if folder else path.absolute().parent)
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.NamedTemporaryFile(dir=place, prefix=TEMPORARY, suffix=f"-{signature()}") as file:
            file.write(b"\0" * 4096)
            file.flush()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        full = getattr(error, "errno", None) in _FULL
        room = f"; {free_megabytes(path)} MB are free there" if full else ""
        raise OutputError(
            f"{flag} must be a {kind} that can be written; received {flag}={path} ({why}{room}). "
            "Choose another location, or make this one writable."
        ) from error


@contextlib.contextmanager
def dispensable(what: str, *, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Turns a disk error into a warning, for files that are not essential; once per `what` and process.

    what: the subject of the warning, such as "the cache of reference statistics".
    say: receives the text; by default it is logged as a warning.
    """
    try:
        yield
    except Exception as error:
        why = reason(error)
        if why is None:
            raise
        if what not in _noted:
            _noted.add(what)
            name = getattr(error, "filename", None)
            where = f": {name}" if name else ""
            text = f"{what} could not be written ({why}{where}). The command continues without it."
            (say or warn)(text)
