"""What is asked of the labels that tell recordings apart."""

import numpy as np


def check_labels(labels, name, n, hint=""):
    """Return labels as an array of shape (n,), one a recording, none missing."""
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(
            f"{name} has shape {labels.shape}, but needs one label for each of {n} "
            f"recordings{hint}"
        )
    for i, label in enumerate(labels.tolist()):
        if label is None or label != label:  # NaN is what differs from itself
            raise ValueError(f"{name} has no label for recording {i}")
    return labels


def check_groupings(labels, name, n, hint=""):
    """Return a list of groupings, given one, a list of them, or one a column."""
    if not (isinstance(labels, (list, tuple)) and len(labels) and np.ndim(labels[0])):
        table = np.asarray(labels)
        labels = table.T if table.ndim == 2 else [table]
    return [check_labels(column, name, n, hint) for column in labels]
