"""How many chunks, and how many recordings, a classifier names correctly."""

from singerlearn.chunks import mean_of_each
from singerlearn.metrics import chunk_accuracy, recording_accuracy


def accuracies_of(probabilities, classes, singers):
    """Return the accuracies of "chunks" and of "recordings", by the means of these.

    Parameters
    ----------
    probabilities : list of n_recordings arrays of shape (n_chunks, n_classes)
    classes : ndarray of shape (n_classes,)
    singers : ndarray of shape (n_recordings,)
        Who sings.
    """
    chunks = [classes[p.argmax(axis=1)] for p in probabilities]
    recordings = classes[mean_of_each(probabilities).argmax(axis=1)]
    return {
        "chunks": chunk_accuracy(singers, chunks),
        "recordings": recording_accuracy(singers, recordings),
    }
