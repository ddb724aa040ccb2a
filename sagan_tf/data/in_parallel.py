"""One function over many files, in threads: results in order, a progress bar, and an interruption that ends it."""

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from sagan_tf.foundation.progress import Progress

Item, Result = TypeVar("Item"), TypeVar("Result")


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], unit: str, title: str) -> list[Result]:
    """`function` of each item, in order, with a progress bar if it takes over 2 seconds.

    An exception, KeyboardInterrupt included, cancels what has not begun instead of waiting for it.
    """
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        return list(Progress(pool.map(function, items), total=len(items), unit=unit, title=title))
    finally:
        pool.shutdown(cancel_futures=True)
