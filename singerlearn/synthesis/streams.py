"""Random numbers that belong to one thing each."""

import numpy as np


def stream(seed, *key):
    """Random numbers of one singer, song or recording, untouched by all others.

    Parameters
    ----------
    seed : int
        Not negative.
    *key : int
        What the numbers are for. Another key gives other numbers.

    Returns
    -------
    RandomState
        Since its draws are frozen across NumPy versions.
    """
    return np.random.RandomState(
        np.random.MT19937(np.random.SeedSequence([seed, *key]))
    )
