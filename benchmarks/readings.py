"""What embeddings of chunks say about singers: who sounds like whom, and who it is."""

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
    equal_error_rate,
)


def share(right, heard):
    """Return how much is right of what was heard."""
    if len(heard) == 0:
        raise ValueError("nothing was heard")
    return np.sum(right) / np.sum(heard)


# Of the two arrays that an outcome holds of a figure, before those who sing.
METRICS = {
    "crossed 1-NN": share,
    "crossed EER": equal_error_rate,
    "chunks": share,
    "recordings": share,
}
SCALED = ("hand-crafted", "side-by-side")  # features of many sizes
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
    """Yield the readings that learn from nobody's name, as `similarities` does.

    Features of many sizes are brought to those that they have in known recordings.
    """
    place = scaler_on(row, known) if row in SCALED else mean_of_each
    placed = place(new)
    yield "angle", -cdist(placed, placed, "cosine")
    scorer = CohortScorer("cosine").fit(place(known))
    yield "angle, s-norm", scorer.score_matrix(placed, placed)


def scaler_on(row, known):
    """Return what lays recordings at the mean of their chunks, scaled as known ones."""
    return ClipEmbedder(scaler_of(row)).fit(known).transform


def scaler_of(row):
    """Return what brings features to one size; those of voices have theirs."""
    return FunctionTransformer() if row == "voices" else StandardScaler()


def crossed(alike, voices):
    """Return how likeness tells singers of recordings that share no song.

    Neither lyric nor melody, where these are known. The most alike has the same singer
    or not, which it cannot of a singer whose recordings all share a song; and pairs are
    of one singer or of two.

    Parameters
    ----------
    alike : ndarray of shape (n_recordings, n_recordings)
        The higher, the more alike.
    voices : Collection

    Returns
    -------
    dict
        For `figures_of` and `interval_over_singers`.
    """
    singers = voices.singers
    shared = np.any([g[:, None] == g for g in voices.groupings], axis=0)
    nearest = np.where(shared, -np.inf, alike).argmax(axis=1)
    first, second = np.nonzero(np.triu(~shared))
    pairs = singers[np.stack([first, second], axis=1)]
    hits, is_target = singers[nearest] == singers, pairs[:, 0] == pairs[:, 1]
    return {
        "crossed 1-NN": (hits, np.ones(len(hits)), singers),
        "crossed EER": (is_target, alike[first, second], pairs),
    }


def figures_of(outcome):
    """Return the figures of an outcome, without intervals."""
    return {what: METRICS[what](*arrays) for what, (*arrays, _) in outcome.items()}


def name_singers(row, known, new, singers, sought):
    """Yield who names recordings by their embeddings, and how often rightly.

    Under "outcome" stands what `interval_over_singers` takes: of how much in each
    recording the name is right, of how much there is, and who is sought.
    """
    for name, classifier in CLASSIFIERS.items():
        model = ClipClassifier(make_pipeline(scaler_of(row), classifier))
        model.fit(known, singers)
        chunks, named = model.predict_chunks(new), model.predict(new)
        right = [np.sum(own == who) for own, who in zip(chunks, sought, strict=True)]
        outcome = {
            "chunks": (right, [len(own) for own in chunks], sought),
            "recordings": (named == sought, np.ones(len(sought)), sought),
        }
        yield {"read by": name} | figures_of(outcome) | {"outcome": outcome}


def interval_over_singers(outcomes, figure, n_resamples=1000, others=None):
    """Return the mean of folds with its interval over other singers, by a bootstrap.

    Parameters
    ----------
    outcomes : list of dict
        One a fold, or a draw: arrays by figure, of which the last says whose the entry
        is, or the pair. A singer who is in several is so in every resample.
    figure : str
    n_resamples : int, default=1000
    others : list of dict, default=None
        What else is measured on the same entries, to be subtracted.
    """
    own = [outcome[figure] for outcome in outcomes]
    *arrays, singers = map(np.concatenate, zip(*own, strict=True))
    fold = np.repeat(np.arange(len(own)), [len(one[0]) for one in own])
    if others is not None:
        subtracted = [outcome[figure][:-1] for outcome in others]
        arrays += map(np.concatenate, zip(*subtracted, strict=True))

    def mean_of_folds(fold, *arrays):
        each = [fold == i for i in range(len(own))]
        first, *second = (
            np.mean([METRICS[figure](*(a[one] for a in two)) for one in each])
            for two in zip(arrays[::2], arrays[1::2], strict=True)
        )
        return first - sum(second)

    return bootstrap_interval(
        mean_of_folds,
        fold,
        *arrays,
        groups=singers,
        n_resamples=n_resamples,
        random_state=0,
    )
