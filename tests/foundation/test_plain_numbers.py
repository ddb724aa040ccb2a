"""Options hold Python's numbers, whatever numbers they were given."""

import dataclasses

import numpy as np

from sagan_tf.foundation.plain_numbers import store_plain_numbers


@dataclasses.dataclass(frozen=True)
class Options:
    count: object
    shares: object = ()

    def __post_init__(self):
        store_plain_numbers(self)


def test_numpys_numbers_become_pythons_also_in_tuples():
    found = Options(np.int32(3), (np.float32(0.5), np.uint8(7), None, "a"))
    assert repr(found) == "Options(count=3, shares=(0.5, 7, None, 'a'))"
    assert type(Options(np.float64(0.1)).count) is float and Options(np.float64(0.1)).count == 0.1


def test_everything_else_stays_what_it_is():
    array, flag = np.arange(3), np.bool_(True)
    assert Options(array).count is array and Options(flag).count is flag and Options(True).count is True
