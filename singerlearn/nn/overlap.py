"""The first layer and its pool over chunks that overlap, and share what they hear."""

import torch
from torch import nn
from torch.nn.functional import max_pool2d


def gains_by_sharing(layer, n_frames, n_chunks, chunk_frames):
    """Tell whether `share` has less to convolve than there is in chunks one by one.

    Parameters
    ----------
    layer : torch.nn.Sequential
        Of `convolution`.
    n_frames : int
        Frames of the image that the chunks are cut from.
    n_chunks, chunk_frames : int

    Returns
    -------
    bool
        False for a layer with a stride: none of it could be shared by chunks that are
        an odd number of frames apart.
    """
    convolve = _convolution(layer)
    ends = 2 * n_chunks * _length_of_end(convolve, chunk_frames)
    return convolve.stride[1] == 1 and n_frames + ends < n_chunks * chunk_frames


def share(layer, image, starts, chunk_frames):
    """Run a layer, and a 2 x 2 max pool, on chunks of one image.

    The image is convolved once. Beside a chunk lie zeros where the image goes on: so
    the ends are convolved once more, for each chunk alone.

    Parameters
    ----------
    layer : torch.nn.Sequential
        Of `convolution`, with an even kernel and without a stride.
    image : Tensor of shape (1, channels, bands, n_frames)
    starts : sequence of int
        The first frame of each chunk.
    chunk_frames : int

    Returns
    -------
    Tensor of shape (n_chunks, out_channels, bands // 2, chunk_frames // 2)
        What layer and pool make of the chunks one by one.
    """
    convolve = _convolution(layer)
    length = _length_of_end(convolve, chunk_frames)
    ends = [*starts, *(start + chunk_frames - length for start in starts)]
    ends = torch.cat([image[..., first : first + length] for first in ends])
    heads, tails = max_pool2d(layer(ends), 2).chunk(2)
    # A pool begins at every frame, of which each chunk takes every other.
    pooled = max_pool2d(layer(image), 2, stride=(2, 1))
    chunks = torch.cat([pooled[..., s : s + chunk_frames - 1 : 2] for s in starts])
    # The kernel hears so many zeros at the near side, and one more at the far side.
    zeros = convolve.padding[1]
    near, far = (zeros + 1) // 2, (zeros + 2) // 2  # of them, after the pool
    chunks[..., :near] = heads[..., :near]
    chunks[..., -far:] = tails[..., -far:]
    return chunks


def _convolution(layer):
    return next(part for part in layer if isinstance(part, nn.Conv2d))


def _length_of_end(convolve, chunk_frames):
    """Frames that hold what zeros reach, and in which pools begin as in the chunk."""
    return convolve.kernel_size[1] + chunk_frames % 2
