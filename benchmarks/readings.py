"""What embeddings of chunks tell of singers: who is like whom, and who is named."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from singerlearn import ClipClassifier, ClipEmbedder
from singerlearn.backends import PLDA, CohortScorer
from singerlearn.chunks import mean_of_each
from singerlearn.metrics import (
    bootstrap_interval,
    chunk_accuracy,
    equal_error_rate,
    recording_accuracy,
)

CLASSIFIERS = {
    "SVM": SVC(C=10.0),
    "LDA": LinearDiscriminantAnalysis(),
    "LDA, shrunken": LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
    "LDA, shrunken by half": LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5),
    "PLDA": PLDA(),
}


def similarities(row, known, new, singers):
    """Yield readings, and how alike each finds new recordings, (n_new, n_new)."""
    yield from as_they_come(row, known, new)
    projected = ClipEmbedder().fit(known, singers).transform(new)
    yield "LDA", -cdist(projected, projected)
    plda = ClipEmbedder(make_pipeline(scaler_of(row), PLDA())).fit(known, singers)
    scaled = scaler_on(row, known)(new)
    yield "PLDA", plda.estimator_[-1].score_matrix(scaled, scaled)


def as_they_come(row, known, new):
    """Yield the readings that learn from nobody's name, as `similarities` does."""
    if row in ("hand-crafted", "side-by-side"):
        reading, scoring, place = "distance", "euclidean", scaler_on(row, known)
    else:
        reading, scoring, place = "angle", "cosine", mean_of_each
    placed = place(new)
    yield reading, -cdist(placed, placed, scoring)
    scorer = CohortScorer(scoring).fit(place(known))
    yield f"{reading}, s-norm", scorer.score_matrix(placed, placed)


def scaler_on(row, known):
    """Return what lays recordings at the mean of their chunks, scaled as known ones."""
    return ClipEmbedder(scaler_of(row)).fit(known).transform


def scaler_of(row):
    """Return what brings features to one size; those of voices have theirs."""
    return FunctionTransformer() if row == "voices" else StandardScaler()


def crossed_figures(alike, voices, test):
    """Return how well likeness tells singers, over crossed neighbours and pairs.

    Parameters
    ----------
    alike : ndarray of shape (n_test, n_test)
        The higher, the more alike.
    voices : Collection
    test : ndarray of shape (n_test,)
    """
    hits, _, is_target, scores = crossed(alike, voices.take(test))
    return {
        "crossed 1-NN": np.mean(hits),
        "crossed EER": equal_error_rate(is_target, scores),
    }


def crossed(alike, voices):
    """Compare recordings that share no song, or neither lyric nor melody.

    Parameters
    ----------
    alike : ndarray of shape (n_recordings, n_recordings)
    voices : Collection

    Returns
    -------
    hits : ndarray of shape (n_recordings,), bool
        Whether the most alike has the same singer. It cannot of a singer whose
        recordings all share a song.
    pairs : ndarray of shape (n_pairs, 2)
    is_target : ndarray of shape (n_pairs,), bool
        Whether both of a pair have one singer.
    scores : ndarray of shape (n_pairs,)
    """
    singers = voices.singers
    shared = np.any([g[:, None] == g for g in voices.groupings], axis=0)
    nearest = np.where(shared, -np.inf, alike).argmax(axis=1)
    first, second = np.nonzero(np.triu(~shared))
    return (
        singers[nearest] == singers,
        np.stack([first, second], axis=1),
        singers[first] == singers[second],
        alike[first, second],
    )


def name_singers(row, known, new, singers, sought):
    """Yield who names recordings by their embeddings, and how often rightly.

    Under "outcome" stands who is sought and, by figure, of how much in each recording
    the name is right, and of how much there is, (2, n_recordings).
    """
    for name, classifier in CLASSIFIERS.items():
        model = ClipClassifier(make_pipeline(scaler_of(row), classifier))
        model.fit(known, singers)
        chunks, named = model.predict_chunks(new), model.predict(new)
        right = [np.sum(own == who) for own, who in zip(chunks, sought, strict=True)]
        yield {
            "read by": name,
            "chunks": chunk_accuracy(sought, chunks),
            "recordings": recording_accuracy(sought, named),
            "outcome": {
                "singers": sought,
                "chunks": np.stack([right, [len(own) for own in chunks]]),
                "recordings": np.stack([named == sought, np.ones(len(sought))]),
            },
        }


def interval_over_singers(outcomes, figure):
    """Return the mean of folds with its interval over other singers, by a bootstrap."""
    right, heard = np.hstack([own[figure] for own in outcomes])
    singers = np.concatenate([own["singers"] for own in outcomes])
    fold = np.repeat(np.arange(len(outcomes)), [len(o["singers"]) for o in outcomes])

    def mean_of_folds(right, heard, fold):
        return np.mean(np.bincount(fold, right) / np.bincount(fold, heard))

    return str(
        bootstrap_interval(
            mean_of_folds, right, heard, fold, groups=singers, random_state=0
        )
    )
