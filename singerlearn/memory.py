"""Out of memory: errors that say what did not fit, and what would."""

import traceback
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def naming_what_does_not_fit(message):
    """Turn "out of memory" into a ValueError with this message."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ValueError(message) from error


@contextmanager
def naming_the_batch_that_fits(net, train):
    """Turn "out of memory" into an error that names a batch size that fits."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        # The frames of the step that failed still hold all that filled the memory.
        traceback.clear_frames(error.__traceback__)
        fits = largest_batch(net, train)
        raise ValueError(
            f"batch_size={net.batch_size} does not fit into the memory of "
            f"{net.device!r}; " + (f"batch_size={fits} does" if fits else "nor does 1")
        ) from error


def largest_batch(net, train):
    """Return the largest halving of the batch size that can be trained on, or 0."""
    size = net.batch_size // 2
    while size:
        try:
            net.train_step_single(train.batch(np.zeros(size, dtype=int)))
            return size
        except torch.OutOfMemoryError:
            size //= 2
        finally:
            net.module_.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
    return 0
