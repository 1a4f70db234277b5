"""What the body of a network can be built of: names, numbers and strides that fit."""

from itertools import groupby
from numbers import Integral

from singerlearn.nn.aggregation import AGGREGATIONS
from singerlearn.nn.blocks import BLOCKS


def check_body(*, block, cardinality, filters, downsampling, aggregation, dense):
    """Judge what needs no chunk to be judged by.

    Parameters
    ----------
    block, cardinality, filters, downsampling, aggregation, dense
        As `SingerNet` has them.

    Raises
    ------
    ValueError
        If a name is unknown, a number is none of 1 or more, or there is not one way of
        downsampling for each halving.
    """
    _choose("block", block, BLOCKS)
    _choose("aggregation", aggregation, AGGREGATIONS)
    if len(filters) == 0:
        raise ValueError(
            f"filters={filters!r} needs at least one number, the channels of the "
            "convolution layer, then those of each block"
        )
    numbers = {"filters": filters, "dense": dense, "cardinality": [cardinality]}
    for parameter, values in numbers.items():
        for value in values:
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or value < 1:
                raise ValueError(
                    f"{parameter}: {value!r} is no whole number of 1 or more"
                )
    strides_of(downsampling, 1 + len(stages_of(filters)))


def stages_of(filters):
    """Return the channels of each stage's blocks: a stage is a run of equal filters."""
    return [tuple(stage) for _, stage in groupby(filters[1:])]


def strides_of(downsampling, halvings):
    """Return the stride of each convolution that halves; 1 leaves that to a pool."""
    one = isinstance(downsampling, str)
    ways = [downsampling] * halvings if one else list(downsampling)
    if len(ways) != halvings:
        raise ValueError(
            f"downsampling={downsampling!r} is of length {len(ways)}, but a chunk is "
            f"halved {halvings} times: after the convolution layer and after each run "
            "of blocks with equal filters; give as many, or one name for all"
        )
    return [_choose("downsampling", way, {"max-pool": 1, "stride": 2}) for way in ways]


def _choose(parameter, name, choices):
    """Look up a name, or say which names there are."""
    if not isinstance(name, str) or name not in choices:
        raise ValueError(f"{parameter}={name!r} is not one of {', '.join(choices)}")
    return choices[name]
