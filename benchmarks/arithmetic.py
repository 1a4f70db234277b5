"""What a network's chunks cost in arithmetic, and how much of that the machine does."""

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


def operations(chunks, device, **network):
    """Return what a chunk costs in training, in prediction, and in dense prediction.

    Parameters
    ----------
    chunks : Chunks
        Of a recording.
    device : str
        Where to count: the network runs there, once.
    **network
        Parameters of the `SingerNet`.
    """
    n_chunks, n_bands, chunk_frames = chunks.shape
    with torch.device(device):
        net = SingerNet(n_bands, chunk_frames, n_outputs=46, **network)
        chunk = torch.zeros(1, n_bands, chunk_frames)
        recording = torch.zeros(1, *chunks.spectrogram.shape)

    def count(run, x):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run(x)
        return counter.get_total_flops()

    # The gradients of weights and of inputs cost as much as the way there, but nobody
    # needs that of a chunk. (Torch's count of the way back knows no grouped kernels.)
    forward = count(net, chunk)
    training = 3 * forward - count(net.convolutions[0], chunk[:, None])
    return training, forward, count(net.frames, recording) / n_chunks
