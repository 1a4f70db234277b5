"""The rows of the paper's tables, by name, and its figures to compare ours with."""

from typing import NamedTuple

import torch

from singerlearn.nn import SingerNet


class Row(NamedTuple):
    """A row of a table: a network, and the paper's figures.

    Attributes
    ----------
    network : str
        Rows of one network differ in their aggregation.
    front_end : {"mel", "cqt", "clips"}
    architecture : dict or None
        Parameters of `SingerNet`; None for what is not a network.
    paper : dict of str to float
        The paper's "convolution" and "total" parameters, in thousands, and "train" and
        "test" accuracy (Table 1) or test "loss" (Table 2), as far as it has them.
    """

    network: str
    front_end: str
    architecture: dict | None
    paper: dict


# Network, block, filters, convolution parameters; of each aggregation, over Mel unless
# it says CQT, all parameters (but Table 1's are without the output layer), and accuracy
# in training and in test.
TABLE_1 = (
    ("vanilla-shallow", "vanilla", (64, 128), 621, {
        "none": (200_000, 0.7915, 0.6276),
        "max": (5867, 0.9302, 0.7426),
        "average": (5867, 0.9271, 0.7291),
        "attention": (5867, 0.9284, 0.7484),
        "max-cqt": (5867, 0.8864, 0.6373),
    }),
    # Counted as the other rows are, 3595 with an aggregation: here the paper is the odd
    # one out, since the 3611 of its Table 2 are 3595 and the output layer.
    ("vanilla-deep", "vanilla", (16, 32, 32, 32, 64, 64, 64), 708, {
        "none": (28_000, 0.8534, 0.6534),
        "max": (3560, 0.8989, 0.6943),
        "average": (3560, 0.9066, 0.7083),
        "attention": (3560, 0.8945, 0.6991),
    }),
    ("resnext-shallow", "resnext", (64, 128), 54, {
        "none": (200_000, 0.8216, 0.6308),
        "max": (5300, 0.8833, 0.7020),
        "average": (5300, 0.9311, 0.7385),
        "attention": (5300, 0.9313, 0.7415),
    }),
    # Printed with the counts of (64, 128). These filters have 57 in their convolutions,
    # which Table 2 prints as 56.
    ("resnext-shallow", "resnext", (128, 128), 54, {
        "attention-cqt": (5300, 0.8497, 0.5936),
    }),
    ("resnext-deep", "resnext", (32, 64, 64, 64, 128, 128, 128), 172, {
        "none": (52_600, 0.8835, 0.6889),
        "max": (3844, 0.9100, 0.7051),
        "average": (3844, 0.9284, 0.7315),
        "attention": (3844, 0.9284, 0.7288),
    }),
)  # fmt: skip
# The same with 16 dimensions of output, counted, and the contrastive loss in test.
TABLE_2 = (
    ("vanilla-shallow", "vanilla", (64, 128), 621, {
        "none": (200_000, 0.3369),
        "max": (5884, 0.3207),
        "average": (5884, 0.3305),
        "attention": (5884, 0.3279),
    }),
    ("vanilla-deep", "vanilla", (16, 32, 32, 32, 64, 64, 64), 708, {
        "none": (28_000, 0.3753),
        "max": (3611, 0.3461),
        "average": (3611, 0.3544),
        "attention": (3611, 0.3697),
    }),
    ("resnext-shallow", "resnext", (128, 128), 56, {
        "none": (200_000, 0.3351),
        "max": (5318, 0.3216),
        "average": (5318, 0.3207),
        "attention": (5318, 0.3315),
    }),
    ("resnext-deep", "resnext", (32, 64, 64, 64, 128, 128, 128), 172, {
        "none": (52_600, 0.3605),
        "max": (3861, 0.3423),
        "average": (3861, 0.3378),
        "attention": (3862, 0.3273),
    }),
)  # fmt: skip


def rows(table, *columns):
    """Return the rows of a table by name, such as ``vanilla-shallow-max``."""
    return {
        f"{network}-{name}": Row(
            network,
            front_end=name.partition("-")[2] or "mel",
            architecture=dict(
                block=block, filters=filters, aggregation=name.partition("-")[0]
            ),
            paper=dict(
                zip(
                    ("convolution", "total", *columns),
                    (convolution, *figures),
                    strict=True,
                )
            ),
        )
        for network, block, filters, convolution, aggregations in table
        for name, figures in aggregations.items()
    }


CLASSIFIERS = {
    "svm": Row("svm", "clips", None, dict(train=0.5164, test=0.2729)),
    "lda": Row("lda", "clips", None, {}),
} | rows(TABLE_1, "train", "test")
EMBEDDERS = rows(TABLE_2, "loss")


def count_parameters(architecture, n_outputs=None):
    """Return the network's parameters in thousands: of the convolutions, and of all.

    Table 1 counts all but the output layer, as None does.
    """
    with torch.device("meta"):  # which counts without memory
        net = SingerNet(96, 256, n_outputs or 1, **architecture)
    count = net.count_parameters()
    total = count.total - (0 if n_outputs else count.output)
    return round(count.convolution / 1000), round(total / 1000)
