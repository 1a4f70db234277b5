"""Convolutional blocks of the paper (section 2.1, Figure 2).

A block maps (batch, in_channels, bands, frames) to (batch, out_channels, bands,
frames). Its convolutions keep bands and frames, and pooling happens between blocks; or
a stride of 2 halves them, rounding down, as a pool after the block would. The widths
and the shortcut's projection are not in the text: they are what the paper's parameter
counts imply.

A block of one's own goes into `BLOCKS`. Where it is made of other layers than these,
prediction hears chunks one by one, which takes longer (`singerlearn.nn.overlap`).
"""

import torch
from torch import nn
from torch.nn.functional import conv2d, pad

__all__ = ["BLOCKS", "ResNeXtBlock", "VanillaBlock", "convolution"]


def convolution(in_channels, out_channels, kernel_size, groups=1, stride=1):
    """Convolution, ReLU and batch norm, in this order as the paper has it.

    Bands and frames are kept, or divided by the stride, rounding down. Where one side
    needs one zero more than the other, the far side gets it.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel_size : int
        Side of the square kernel.
    groups : int, default=1
        Groups of channels that are convolved apart from each other.
    stride : int, default=1
        Bands, and frames, from one place of the kernel to the next; at most its side.

    Returns
    -------
    layers : torch.nn.Sequential
        (batch, in_channels, bands, frames) to (batch, out_channels, bands // stride,
        frames // stride).
    """
    # So many zeros in all leave the kernel as many places as there are whole strides.
    near, far = (kernel_size - stride) // 2, (kernel_size - stride + 1) // 2
    convolve = nn.Conv2d if in_channels > 1 else OneChannelConv2d
    layers = [
        convolve(
            in_channels, out_channels, kernel_size, stride, padding=near, groups=groups
        ),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(out_channels),
    ]
    if far > near:
        layers.insert(0, nn.ZeroPad2d((0, far - near, 0, far - near)))
    return nn.Sequential(*layers)


class OneChannelConv2d(nn.Conv2d):
    """A convolution over one channel, made one over as many as its kernel is wide.

    The frames under the kernel become channels, and the kernel a column. Weights and
    results are those of `torch.nn.Conv2d`, without dilation and with zeros around. But
    what computes convolutions takes channels by the eight or sixteen at once, and of
    one channel it wastes the rest: in bfloat16 this takes less than half of the time.
    """

    def forward(self, x):
        """(batch, 1, bands, frames) to (batch, out_channels, ...), as torch has it."""
        (down, across), near = self.stride, self.padding[1]
        under = pad(x, (near, near)).unfold(3, self.kernel_size[1], across)
        return conv2d(
            # (batch, bands, frames, channels) in memory
            under[:, 0]
            .permute(0, 3, 1, 2)
            .contiguous(memory_format=torch.channels_last),
            self.weight.permute(0, 3, 2, 1).contiguous(),
            self.bias,
            stride=(down, 1),
            padding=(self.padding[0], 0),
        )


class PairwiseMaxPool2d(nn.MaxPool2d):
    """A 2 x 2 max pool that remembers nothing where there is no gradient.

    torch's own notes the place of each maximum, for the gradient, in four times the
    memory of the maxima in bfloat16.
    """

    def __init__(self):
        super().__init__(2)

    def forward(self, x):
        """(batch, channels, bands, frames) to (..., bands // 2, frames // 2)."""
        return super().forward(x) if torch.is_grad_enabled() else max_of_pairs(x)


def max_of_pairs(x, stride=2):
    """Take the largest of two bands by two frames, as maxima of pairs.

    Parameters
    ----------
    x : torch.Tensor of shape (batch, channels, bands, frames)
    stride : {1, 2}, default=2
        Frames from one maximum to the next; the bands' is 2.

    Returns
    -------
    torch.Tensor of shape (batch, channels, bands // 2, (frames - 2) // stride + 1)
    """
    bands, frames = x.shape[2] // 2 * 2, x.shape[3]
    x = torch.maximum(x[:, :, 0:bands:2], x[:, :, 1:bands:2])
    return torch.maximum(x[..., 0 : frames - 1 : stride], x[..., 1:frames:stride])


class VanillaBlock(nn.Sequential):
    """Two 5 x 5 convolutions: y = g(f(x)).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after the block.
    stride : int, default=1
        Of the second convolution.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(
            convolution(in_channels, out_channels, 5),
            convolution(out_channels, out_channels, 5, stride=stride),
        )


class ResNeXtBlock(nn.Module):
    """Bottleneck of half the channels with a grouped 5 x 5: y = x + f(g(h(x))).

    The shortcut is a 1 x 1 projection where channels, bands or frames change, else the
    identity. A cardinality of 1 is the ResNet block.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after the block.
    cardinality : int, default=1
        Number of groups of the 5 x 5 convolution.
    stride : int, default=1
        Of the 5 x 5 convolution and of the shortcut.

    Raises
    ------
    ValueError
        If half of `out_channels` cannot be cut into `cardinality` groups.
    """

    def __init__(self, in_channels, out_channels, cardinality=1, stride=1):
        super().__init__()
        if cardinality < 1 or out_channels % (2 * cardinality):
            raise ValueError(
                f"the bottleneck of a block has half of its filters, in groups: "
                f"{out_channels} filters cannot be halved and cut into "
                f"cardinality={cardinality} groups"
            )
        width = out_channels // 2
        self.bottleneck = nn.Sequential(
            convolution(in_channels, width, 1),
            convolution(width, width, 5, groups=cardinality, stride=stride),
            convolution(width, out_channels, 1),
        )
        if stride > 1:
            self.shortcut = nn.Sequential(
                # The last place of each whole stride, where the 5 x 5 has its middle.
                nn.ZeroPad2d((1 - stride, 0, 1 - stride, 0)),
                nn.Conv2d(in_channels, out_channels, 1, stride),
            )
        elif in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)
        else:
            self.shortcut = nn.Identity()

    def forward(self, x):
        """Add what the bottleneck makes of `x` to `x`."""
        return self.shortcut(x) + self.bottleneck(x)


BLOCKS = {"vanilla": VanillaBlock, "resnet": ResNeXtBlock, "resnext": ResNeXtBlock}
