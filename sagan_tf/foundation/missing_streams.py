"""Standard streams that were closed when the process started (`>&-`, or a daemon's), replaced by the null device."""

import os
import sys


def open_missing_streams() -> None:
    """Opens the null device for each standard stream that is closed; to be called before other files are opened.

    Python's stream would otherwise be None, which has no methods, and the next file that is opened would get its
    descriptor, so that messages of C++ code would be written into that file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free one: that of this stream
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: SIM115  open as long as the process
