"""Several seeds' values as one cell of a table."""

import statistics
from collections.abc import Sequence


def mean_and_range(values: Sequence[float], form: str) -> str:
    """The mean, and the lowest and the highest of several: "0.5 (0.25 to 0.75)"; numbers in the format `form`."""
    span = f" ({min(values):{form}} to {max(values):{form}})" if len(values) > 1 else ""
    return f"{statistics.mean(values):{form}}{span}"
