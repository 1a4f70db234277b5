"""Out of memory: errors that say what did not fit, and what would."""

import traceback
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def naming_what_does_not_fit(describe):
    """Turn "out of memory" into a ValueError with the message that `describe` returns.

    It is called when memory is free again, so that it may try what would fit.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        # The frames of what failed still hold all that filled the memory.
        traceback.clear_frames(error.__traceback__)
        raise ValueError(describe()) from error


def advise_batch(net, train, unit=1):
    """Say of a batch that does not fit which one would.

    Parameters
    ----------
    net : skorch.NeuralNet
    train : ChunkDataset
    unit : int, default=1
        Of whose multiples a batch is made: 2 where chunks meet in pairs.
    """
    fits = largest_batch(net, train, unit)
    advice = f"batch_size={fits} does" if fits else f"nor does {unit}"
    return (
        f"batch_size={net.batch_size} does not fit into the memory of "
        f"{net.device!r}; {advice}"
    )


def largest_batch(net, train, unit):
    """Return the largest halving of the batch size that can be trained on, or 0."""
    size = net.batch_size // 2
    while size := size // unit * unit:
        try:
            train_beside_moments(net, train.batch(np.zeros(size, dtype=int)))
            return size
        except torch.OutOfMemoryError:
            size //= 2
        finally:
            net.module_.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
    return 0


def train_beside_moments(net, batch):
    """Train a step, with as much memory taken as Adam's two moments will take.

    A step that fails may be the first, before they are there.
    """
    moments = [torch.empty_like(w) for w in 2 * list(net.module_.parameters())]
    net.train_step_single(batch)
    del moments
