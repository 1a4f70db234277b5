"""Convolutions over chunks that overlap, which share what they have in common."""

import torch
from torch import nn
from torch.nn.functional import pad

from singerlearn.nn.blocks import (
    OneChannelConv2d,
    PairwiseMaxPool2d,
    ResNeXtBlock,
    VanillaBlock,
    max_of_pairs,
)

# Ends so short take longer than their share, and cutting and joining takes time: where
# more of the work than this would be left, nothing was gained.
_WORTH = 0.75

# What hears of a frame no more than lies under its kernel. Of others, a block of one's
# own say, nobody knows.
_LOCAL = {
    nn.BatchNorm2d,
    nn.Conv2d,
    nn.Identity,
    nn.MaxPool2d,
    nn.ReLU,
    nn.Sequential,
    nn.ZeroPad2d,
    OneChannelConv2d,
    PairwiseMaxPool2d,
    ResNeXtBlock,
    VanillaBlock,
}


def span(layers):
    """Return what one frame after some layers stands for, and hears around it.

    Parameters
    ----------
    layers : torch.nn.Sequential
        Of convolutions, blocks and pools, from the first on.

    Returns
    -------
    step : int
        Frames of the input in one frame of the output.
    near, far : int
        Frames of the input, before those and after, beyond which nothing matters.
    """
    step, near, far = 1, 0, 0
    for layer in layers:
        stride = 1
        for part in layer.modules():
            if isinstance(part, nn.Conv2d):
                # A block's stride is in the last convolution with a reach, and in the
                # shortcut beside it; it counts once, after the block.
                stride = max(stride, part.stride[1])
                reach = part.dilation[1] * (part.kernel_size[1] - 1) + 1
                around = max(reach - part.stride[1], 0)
                near += around // 2 * step
                far += (around + 1) // 2 * step
            elif isinstance(part, nn.MaxPool2d):
                stride = part.stride
        step *= stride
    return step, near, far


def worth_sharing(layers, n_frames, starts, chunk_frames):
    """Return the first of some layers, up to a pool, that chunks had better `share`.

    Deeper layers share less: a pool's frames are those of chunks that begin at even
    ones, or at odd ones, and more of a chunk hears its ends.

    Parameters
    ----------
    layers : torch.nn.Sequential
        Of convolutions, blocks and pools.
    n_frames : int
        Frames of the image that the chunks are cut from.
    starts : sequence of int
        The first frame of each chunk.
    chunk_frames : int

    Returns
    -------
    torch.nn.Sequential
        Empty if chunks had better be heard one by one.
    """
    best, step = layers[:0], 1
    for i, layer in enumerate(layers):
        if not {type(part) for part in layer.modules()} <= _LOCAL:
            break
        if isinstance(layer, nn.MaxPool2d):
            some = layers[: i + 1]
            if span(some)[0] > 2 * step:  # a stride
                break
            shared = len(_ways(starts, step)) * n_frames
            ends = 2 * len(starts) * _ends(some, chunk_frames)[0]
            if shared + ends > _WORTH * len(starts) * chunk_frames:
                break
            best, step = some, 2 * step
    return best


def share(layers, image, starts, chunk_frames):
    """Run layers on chunks of one image, on what they have in common once.

    A pool may begin at any frame of the image, and does: its frames for chunks that
    begin at even ones, and for those at odd ones, go on as two images, and so forth.
    Beside a chunk lie zeros where the image goes on: so the ends are heard once more,
    for each chunk alone.

    Parameters
    ----------
    layers : torch.nn.Sequential
        Convolutions and blocks without strides, and 2 x 2 max pools.
    image : Tensor of shape (1, channels, bands, n_frames)
    starts : sequence of int
        The first frame of each chunk.
    chunk_frames : int
        No fewer than an end needs: as many as the kernels reach, on either side.

    Returns
    -------
    Tensor of shape (n_chunks, out_channels, out_bands, out_frames)
        What the layers make of the chunks one by one.
    """
    length, near, far = _ends(layers, chunk_frames)
    ends = [*starts, *(start + chunk_frames - length for start in starts)]
    ends = torch.cat([image[..., first : first + length] for first in ends])
    heads, tails = layers(ends).chunk(2)

    # One frame is lost with each pool, and then they are dealt out in two.
    images = pad(image, (0, -(image.shape[-1] + 1) % span(layers)[0]))
    step, ways = 1, [0]
    for layer in layers:
        if not isinstance(layer, nn.MaxPool2d):
            images = layer(images)
            continue
        pooled = max_of_pairs(images, stride=1)
        begun = {way: pooled[i : i + 1] for i, way in enumerate(ways)}
        ways = _ways(starts, 2 * step)
        images = torch.cat([begun[way % step][..., way // step :: 2] for way in ways])
        step *= 2
    begun = {way: images[i : i + 1] for i, way in enumerate(ways)}
    width = chunk_frames // step
    # Slices, not indices, which would cost the batch its memory format.
    chunks = torch.cat(
        [begun[s % step][..., s // step : s // step + width] for s in starts]
    )
    chunks[..., :near] = heads[..., :near]
    chunks[..., -far:] = tails[..., -far:]
    return chunks


def _ways(starts, step):
    """Return where chunks begin within the frames of a pool, in the image's frames."""
    return sorted({start % step for start in starts})


def _ends(layers, chunk_frames):
    """Return how long a chunk's ends are, and how much of each comes of zeros beside.

    Returns
    -------
    length : int
        Frames of an end. What comes of zeros hears nothing beyond it, and pools begin
        in it as they do in the chunk.
    near, far : int
        Frames after the layers that hear the zeros before the chunk, and after it.
    """
    step, before, after = span(layers)
    near, far = -(-before // step), -(-after // step)
    length = max(near + -(-after // step), far + -(-before // step)) * step
    return length + chunk_frames % step, near, far
