"""Checks of the arrays that the metrics are given."""

from numbers import Integral

import numpy as np


def check_embeddings(Z):
    """Return embeddings as a float64 array of shape (n_samples, n_components)."""
    try:
        Z = np.asarray(Z, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Z must hold numbers, one row per sample: {error}") from None
    if Z.ndim != 2 or Z.size == 0:
        raise ValueError(
            f"Z has shape {Z.shape} but holds one row per sample: (n_samples, "
            "n_components)"
        )
    bad = np.flatnonzero(~np.isfinite(Z).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(Z)} embeddings hold NaN or infinity, the first of "
            f"them sample {bad[0]}; look at what made them (a training that diverged?)"
        )
    return Z


def is_count(n, least):
    """True for a whole number of at least `least`."""
    return isinstance(n, Integral) and not isinstance(n, bool) and n >= least


def check_count(name, n, least):
    """Refuse anything but a whole number of at least `least`."""
    if not is_count(n, least):
        raise ValueError(f"{name}={n!r} must be a whole number of at least {least}")


def check_both_kinds(n_targets, n_nontargets):
    """Refuse trials without targets, or without non-targets."""
    if not n_targets:
        raise ValueError(
            "there are no target trials: no two recordings by one singer are paired; "
            "a singer needs two recordings, outside the groups that are left out"
        )
    if not n_nontargets:
        raise ValueError(
            "there are no non-target trials: no recordings by two singers are paired; "
            "two singers are needed, outside the groups that are left out"
        )
