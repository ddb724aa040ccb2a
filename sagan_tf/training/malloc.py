"""The host's memory between steps: kept, since every step asks for the same buffers again."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tells glibc to keep freed memory for the next step instead of giving it back to the system. True if it heard.

    On the CPU much of what a step uses is malloc's; large pieces are mapped anew each time by default, and every page
    of them is faulted in and zeroed again. Kept, SAGAN-128's step takes 8% (float32) to 13% (bfloat16) less time for
    about the same memory (benchmarks/README.md). Numbers don't change. Elsewhere than on glibc nothing happens; where
    MALLOC_... is in the environment, the user has said what malloc should do.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(
        mallopt(option, value) for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, 64 << 20))
    )
