"""Random numbers that belong to one thing each."""

import numpy as np


def stream(seed, *key):
    """Random numbers of one singer, song or recording, independent of all others.

    Parameters
    ----------
    seed : int
        Not negative.
    *key : int
        What the numbers are for. Another key gives other numbers.

    Returns
    -------
    RandomState
        Its draws are the same in all NumPy versions.
    """
    return np.random.RandomState(
        np.random.MT19937(np.random.SeedSequence([seed, *key]))
    )
