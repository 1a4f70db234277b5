"""What the measures ask of the arrays they are given, and say where it is missing."""

import numpy as np


def check_embeddings(Z):
    """Return embeddings as a float64 array of shape (n_samples, n_components)."""
    try:
        Z = np.asarray(Z, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Z must hold numbers, one row a sample: {error}") from None
    if Z.ndim != 2 or Z.size == 0:
        raise ValueError(
            f"Z has shape {Z.shape} but holds one row a sample: (n_samples, "
            "n_components)"
        )
    bad = np.flatnonzero(~np.isfinite(Z).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(Z)} embeddings hold NaN or infinity, the first of "
            f"them sample {bad[0]}; look at what made them (a training that diverged?)"
        )
    return Z


def check_labels(labels, name, n_samples=None):
    """Return the distinct labels, sorted, and each sample's as an index into them."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"{name} has shape {labels.shape} but holds a label a sample")
    if n_samples is not None and len(labels) != n_samples:
        raise ValueError(f"{name} holds {len(labels)} labels for {n_samples} samples")
    try:
        # NaN is what differs from itself.
        missing = np.flatnonzero((labels != labels) | (labels == None))  # noqa: E711
        if len(missing):
            raise ValueError(f"{name} has no label for sample {missing[0]}")
        return np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"{name} mixes kinds of labels: {error}") from None


def check_groupings(groups, n_samples):
    """Return groups as an int array of shape (n_groupings, n_samples).

    `groups` is None, one label a sample, a list of such arrays, or an array or a data
    frame of shape (n_samples, n_groupings).
    """
    if groups is None:
        columns = []
    elif getattr(groups, "ndim", 1) == 2:
        groups = np.asarray(groups)
        if len(groups) != n_samples:
            raise ValueError(
                f"exclude_groups has shape {groups.shape} but needs a row for each of "
                f"{n_samples} samples; several groupings may also be a list of arrays"
            )
        columns = groups.T
    elif isinstance(groups, (list, tuple)) and len(groups) and np.ndim(groups[0]):
        columns = groups
    else:
        columns = [groups]
    codes = [check_labels(c, "exclude_groups", n_samples)[1] for c in columns]
    return np.array(codes, dtype=np.intp).reshape(len(codes), n_samples)


def check_both_kinds(n_targets, n_nontargets):
    """Refuse trials that hold no targets, or nothing else."""
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
