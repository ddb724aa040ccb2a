"""Names of files that are made of other names, such as those of classes, so that any disk takes them."""

MOST_BYTES = 120  # of a name within a file name, which may have 255 bytes in all on most file systems


def in_file_name(name: str, most_bytes: int = MOST_BYTES) -> str:
    """The name with "_" for each character other than letters, digits, "-" and "_", cut to so many bytes in UTF-8."""
    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
    return plain.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")
