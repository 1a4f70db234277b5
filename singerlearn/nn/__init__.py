"""The networks of the paper, in torch only."""

from singerlearn.nn import losses
from singerlearn.nn.aggregation import AGGREGATIONS
from singerlearn.nn.blocks import BLOCKS
from singerlearn.nn.singer_net import ParameterCount, SingerNet

__all__ = ["AGGREGATIONS", "BLOCKS", "ParameterCount", "SingerNet", "losses"]
