"""The host's memory between steps: retained, because every step allocates the same buffers again."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # glibc's malloc.h


def keep_freed_memory(*, one_arena: bool) -> bool:
    """Makes glibc's malloc retain freed memory for the next step. Returns whether the settings took effect.

    On the CPU much of a step's memory comes from malloc. By default, large blocks are mapped again each time, and each
    of their pages is faulted in and zeroed again. With retained memory a step of SAGAN-128 takes 8% (float32) to 13%
    (bfloat16) less time, for about the same memory (benchmarks/README.md); the numbers don't change. Without glibc this
    does nothing; the same holds if the environment has variables MALLOC_..., by which the user configures malloc.

    one_arena: whether all threads share one arena, so that memory freed by one thread is reused by the others: about
      100 MB less for SAGAN-128. It is for steps on the CPU; the many threads that feed an accelerator would wait for
      each other.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    options = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _TOP_PAD: 64 << 20} | ({_ARENA_MAX: 1} if one_arena else {})
    return mallopt is not None and all(mallopt(option, value) for option, value in options.items())
