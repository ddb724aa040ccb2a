"""The published forms of SAGAN's self-attention as plain data: one table for the layer, its parameters and its cost.

It needs no TensorFlow, so that descriptions of networks are checked and counted without it. The layer itself, with the
sources of the forms, is layers/self_attention.py.
"""

from dataclasses import dataclass
from typing import Literal

AttentionFormName = Literal["code", "paper", "v1"]

# Queries and keys have C/8 channels in every form.
QUERY_DIVISOR = 8


@dataclass(frozen=True, kw_only=True)
class AttentionForm:
    """What sets one form of attention on maps of C channels apart from the others."""

    value_divisor: int  # values have C / value_divisor channels
    pools: bool  # whether keys and values are max-pooled 2x2
    has_out: bool  # whether a last 1x1 convolution maps the attended values to C channels

    def query_channels(self, channels: int) -> int:
        """Channels of queries and of keys."""
        return channels // QUERY_DIVISOR

    def value_channels(self, channels: int) -> int:
        return channels // self.value_divisor

    def keys(self, locations: int) -> int:
        """Locations that each query attends to, on a map of so many locations."""
        return locations // 4 if self.pools else locations


ATTENTION_FORMS: dict[AttentionFormName, AttentionForm] = {
    "code": AttentionForm(value_divisor=2, pools=True, has_out=True),
    "paper": AttentionForm(value_divisor=8, pools=False, has_out=True),
    "v1": AttentionForm(value_divisor=1, pools=False, has_out=False),
}
