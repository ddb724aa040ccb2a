"""The time from a command to its first step, and how it was spent."""

import time


class StartUp:
    """A clock that starts when it is made. `lap` ends one part of the time, `end` the last one."""

    def __init__(self):
        self._begun = self._last = time.monotonic()
        self._parts: dict[str, float] = {}
        self._is_over = False

    def lap(self, what: str) -> None:
        """Counts the time since the last lap, or since the start, as `what`."""
        now = time.monotonic()
        self._parts[what] = self._parts.get(what, 0.0) + now - self._last
        self._last = now

    def end(self, what: str) -> str | None:
        """Ends the last part. The whole time and its parts as text; None if the start had ended before."""
        if self._is_over:
            return None
        self.lap(what)
        self._is_over = True
        parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in self._parts.items())
        return f"{self._last - self._begun:.1f} s ({parts})"
