"""Errors of libraries in one line, for messages that say why something was not done."""


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of an error's message that isn't blank, cut to `most` characters; the class's name without one."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)[:most]
