"""The rows of the paper's Table 1, by name, and the figures to stand beside ours."""

from typing import NamedTuple

import torch

from singerlearn.nn import SingerNet


class Row(NamedTuple):
    """A row of Table 1: a network, and the paper's figures.

    Attributes
    ----------
    network : str
        Rows of one network differ in their aggregation.
    front_end : {"mel", "cqt", "clips"}
    architecture : dict or None
        Parameters of `SingerNet`; None for a baseline.
    convolution, total : int or str
        The paper's parameters, in thousands; all but the output layer's in total.
    train, test : float or str
        The paper's accuracy.
    """

    network: str
    front_end: str
    architecture: dict | None
    convolution: int | str
    total: int | str
    train: float | str
    test: float | str


# Network, block, filters, convolution parameters; of each aggregation, over Mel unless
# it says CQT, all parameters, accuracy in training, accuracy in test.
TABLE_1 = (
    ("vanilla-shallow", "vanilla", (64, 128), 621, {
        "none": (200_000, 0.7915, 0.6276),
        "max": (5867, 0.9302, 0.7426),
        "average": (5867, 0.9271, 0.7291),
        "attention": (5867, 0.9284, 0.7484),
        "max-cqt": (5867, 0.8864, 0.6373),
    }),
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
ROWS = {
    "svm": Row("svm", "clips", None, "", "", 0.5164, 0.2729),
    "lda": Row("lda", "clips", None, "", "", "", ""),
} | {
    f"{network}-{name}": Row(
        network,
        name.partition("-")[2] or "mel",
        dict(block=block, filters=filters, aggregation=name.partition("-")[0]),
        convolution,
        *figures,
    )
    for network, block, filters, convolution, aggregations in TABLE_1
    for name, figures in aggregations.items()
}


def count_parameters(architecture):
    """Return the network's parameters in thousands: of the convolutions, and of all.

    As the paper's Table 1 counts them, without the output layer.
    """
    with torch.device("meta"):  # which counts without memory
        count = SingerNet(96, 256, 1, **architecture).count_parameters()
    return round(count.convolution / 1000), round((count.total - count.output) / 1000)
