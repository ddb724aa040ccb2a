"""The flag --arms of the studies: names of arms, which are checked before the first one is trained."""

import argparse
from collections.abc import Callable, Collection

from sagan_tf.foundation.comma_lists import comma_list
from sagan_tf.foundation.spelling import nearest


def arm_list(known: Collection[str]) -> Callable[[str], list[str]]:
    """An argparse `type` for names of arms that are separated by commas."""
    parse = comma_list(str, "names of arms")

    def arms(text: str) -> list[str]:
        found = parse(text)
        if unknown := [arm for arm in found if arm not in known]:
            raise argparse.ArgumentTypeError(
                f"must be of {', '.join(known)}; received {', '.join(unknown)}. {nearest(unknown[0], known)}".rstrip()
            )
        return found

    return arms
