"""What any transformer makes, as numbers."""

import numpy as np


def flat(transformed):
    """One array of all numbers, whatever the transformer made."""
    return np.concatenate([np.ravel(entry) for entry in transformed])
