"""How much arithmetic a network does per chunk, and how much the machine can do."""

from typing import NamedTuple

import torch
from timing import timed
from torch.utils.flop_counter import FlopCounterMode

from singerlearn.nn import SingerNet


def matrix_rate(device, dtype):
    """Return the multiplications and additions a second of large square matrices."""
    cuda = torch.device(device).type == "cuda"
    n, times = (8192, 20) if cuda else (2048, 4)
    a = torch.randn(n, n, device=device, dtype=dtype)

    def multiply():
        for _ in range(times):
            a @ a
        if cuda:
            torch.cuda.synchronize()

    multiply()
    return 2 * n**3 * times / min(timed(multiply)[0] for _ in range(5))


class Operations(NamedTuple):
    """Multiplications and additions that a chunk costs.

    Attributes
    ----------
    training : float
        In a step of a fit.
    alone, overlapping : float
        In prediction: by itself, and in a batch of those that overlap.
    dense : float
        In dense prediction.
    """

    training: float
    alone: float
    overlapping: float
    dense: float


def operations(chunks, device, batch_size=32, **network):
    """Count what a chunk costs.

    Parameters
    ----------
    chunks : Chunks
        Of a recording.
    device : str
        Where to count: the network runs there, once.
    batch_size : int, default=32
        Chunks at once.
    **network
        Parameters of the `SingerNet`.

    Returns
    -------
    Operations
    """
    n_chunks, n_bands, chunk_frames = chunks.shape
    with torch.device(device):
        net = SingerNet(n_bands, chunk_frames, n_outputs=46, **network).eval()
        chunk = torch.zeros(1, n_bands, chunk_frames)
        recording = torch.zeros(chunks.spectrogram.shape)
    starts = chunks.starts[:batch_size].tolist()
    batch = recording[:, : starts[-1] + chunk_frames]

    def count(run, *x):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run(*x)
        return counter.get_total_flops()

    # The gradients of weights and of inputs cost as much as the way there, but nobody
    # needs that of a chunk. (Torch's count of the way back knows no grouped kernels.)
    alone = count(net, chunk)
    return Operations(
        training=3 * alone - count(net.convolutions[0], chunk[:, None]),
        alone=alone,
        overlapping=count(net.frames_of_chunks, batch, starts, chunk_frames)
        / len(starts),
        dense=count(net.frames, recording[None]) / n_chunks,
    )
