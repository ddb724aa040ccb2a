"""Tables of the studies as Markdown, and their places in the pages."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without a newline at its end."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def replace_table(page: Path, head: str, table: str) -> None:
    """Puts `table` in place of the page's one table whose first line contains `head`.

    Raises:
        ValueError: if the page has no such table, or several.
    """
    text = page.read_text(encoding="utf-8")
    former = re.findall(rf"^\|[^\n]*{re.escape(head)}[^\n]*\n(?:\|[^\n]*\n)*", text, re.MULTILINE)
    if len(former) != 1:
        raise ValueError(
            f"{page} must have one table whose first line contains {head!r}; it has {len(former)}. Mark its place by "
            f"such a line."
        )
    page.write_text(text.replace(former[0], table + "\n"), encoding="utf-8")
