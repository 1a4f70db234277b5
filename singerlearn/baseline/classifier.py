"""The classical baselines: any scikit-learn estimator over hand-crafted clips.

The paper's baseline (section 3.4) is an SVM on the mean and standard deviation of
frame features of each clip of about six seconds. Here its clip decisions become one
label and one probability a recording. Beside the embedder stands the projection of the
same clips by linear discriminant analysis, the baseline to fear on few recordings.
"""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
    config_context,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
)

from singerlearn.features import HandcraftedFeatures

__all__ = ["ClipClassifier", "ClipEmbedder", "make_svm_baseline"]


class _OverClips(BaseEstimator):
    """What every estimator over the clips of recordings does alike."""

    def _check(self, X):
        """Return all clips and their number in each recording, as `fit` knew them."""
        check_is_fitted(self)
        clips, n_clips = _stack(X)
        if clips.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {clips.shape[1]} features a clip, but {type(self).__name__} "
                f"was fitted with {self.n_features_in_}; describe both with the same "
                "HandcraftedFeatures"
            )
        return clips, n_clips

    def __sklearn_tags__(self):
        """X is a list of recordings' clips, not a table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


class ClipClassifier(ClassifierMixin, _OverClips):
    """Names the singer of a recording by what a classifier says about its clips.

    The inner classifier learns from all clips of all recordings, each labelled with
    its recording's singer. A recording's probabilities are the mean over its clips:
    of ``predict_proba`` where the inner classifier has it, else of its votes, that is
    the share of clips that it gives to each singer. Of equally probable singers
    the first in ``classes_`` is named.

    Parameters
    ----------
    estimator : classifier, default=None
        Any scikit-learn classifier; cloned before it is fitted. None stands for
        standardised features and an SVM with an RBF kernel and C=10.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The singers' names, sorted.
    estimator_ : classifier
        The fitted inner classifier.
    n_features_in_ : int
        Features a clip.

    See Also
    --------
    make_svm_baseline : The same on raw recordings.

    Examples
    --------
    Two recordings, of three clips and of one, described by two features:

    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from singerlearn.baseline import ClipClassifier
    >>> X = [[[0.0, 1.0], [0.2, 0.9], [0.1, 1.1]], [[1.0, 0.0]]]
    >>> clips = ClipClassifier(LinearDiscriminantAnalysis()).fit(X, ["Ann", "Bob"])
    >>> clips.predict(X).tolist()
    ['Ann', 'Bob']
    >>> clips.predict_proba_chunks(X)[0].shape
    (3, 2)
    """

    def __init__(self, estimator=None):
        self.estimator = estimator

    def fit(self, X, y, sample_weight=None):
        """Fit the inner classifier on the clips of all recordings.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As `HandcraftedFeatures` makes them. A plain array of shape (n_recordings,
            n_features) is one clip a recording.
        y : array-like of shape (n_recordings,)
            The singer of each recording.
        sample_weight : array-like of shape (n_recordings,), default=None
            Weight of a recording, that is of each of its clips: 2 is the same as
            having the recording twice in X.

        Returns
        -------
        self : ClipClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a recording's clips cannot be used (it is named), if lengths disagree,
            or if the inner classifier takes no weights but some are given.
        """
        clips, n_clips = _stack(X)
        y = column_or_1d(y, warn=True)
        check_consistent_length(n_clips, y, sample_weight)
        check_classification_targets(y)
        estimator = _svm() if self.estimator is None else clone(self.estimator)
        weights = {}
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, n_clips)
            weights = _weights_for(estimator, np.repeat(sample_weight, n_clips))
        # Metadata routing, where it is on, would refuse weights sent to steps by name.
        with config_context(enable_metadata_routing=False):
            self.estimator_ = estimator.fit(clips, np.repeat(y, n_clips), **weights)
        self.classes_ = self.estimator_.classes_
        self.n_features_in_ = clips.shape[1]
        return self

    def predict(self, X):
        """Return the most probable singer of each recording.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings,)
            Labels out of ``classes_``.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the singers' probabilities: the mean over a recording's clips.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, n_classes)
            Rows sum to 1; columns as in ``classes_``.
        """
        return np.stack([p.mean(axis=0) for p in self.predict_proba_chunks(X)])

    def predict_chunks(self, X):
        """Return the singer that the inner classifier hears in each clip.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_clips,)
            One entry a recording.
        """
        clips, n_clips = self._check(X)
        return _split(self.estimator_.predict(clips), n_clips)

    def predict_proba_chunks(self, X):
        """Return the singers' probabilities for each clip.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_clips, n_classes)
            One entry a recording. Of an inner classifier without probabilities, 1 for
            the singer it names and 0 for the others.
        """
        clips, n_clips = self._check(X)
        if hasattr(self.estimator_, "predict_proba"):
            probabilities = self.estimator_.predict_proba(clips)
        else:
            votes = self.estimator_.predict(clips)
            probabilities = (votes[:, None] == self.classes_).astype(float)
        return _split(probabilities, n_clips)


class ClipEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _OverClips):
    """Lays recordings out by what a scikit-learn transformer makes of their clips.

    The inner transformer learns from all clips of all recordings, each labelled with
    its recording's singer; a recording lies at the mean of its clips, as in
    :class:`SingerEmbedder`. Raw recordings come by way of
    ``make_pipeline(HandcraftedFeatures(), ClipEmbedder())``.

    Parameters
    ----------
    estimator : transformer, default=None
        Any scikit-learn transformer; cloned before it is fitted. None stands for
        standardised features projected by linear discriminant analysis, into one
        dimension less than there are singers, or features.

    Attributes
    ----------
    estimator_ : transformer
        The fitted inner transformer.
    n_features_in_ : int
        Features a clip.

    See Also
    --------
    SingerEmbedder : The networks, on spectrograms or raw recordings.

    Examples
    --------
    Three recordings of two clips, described by two features, become points on a line:

    >>> from singerlearn.baseline import ClipEmbedder
    >>> X = [[[0.0, 1.0], [0.2, 0.9]], [[1.0, 0.0], [0.9, 0.2]], [[0.1, 1.1]]]
    >>> clips = ClipEmbedder().fit(X, ["Ann", "Bob", "Ann"])
    >>> clips.transform(X).shape
    (3, 1)
    """

    def __init__(self, estimator=None):
        self.estimator = estimator

    def fit(self, X, y=None):
        """Fit the inner transformer on the clips of all recordings.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As `HandcraftedFeatures` makes them.
        y : array-like of shape (n_recordings,), default=None
            The singer of each recording; None for an inner transformer that learns
            without, such as `PCA`.

        Returns
        -------
        self : ClipEmbedder
            The fitted embedder.

        Raises
        ------
        ValueError
            If a recording's clips cannot be used (it is named), if lengths disagree,
            or if discriminant analysis lacks the singers, or a second one.
        """
        clips, n_clips = _stack(X)
        if y is not None:
            y = column_or_1d(y, warn=True)
            check_consistent_length(n_clips, y)
            y = np.repeat(y, n_clips)
        elif self.estimator is None:
            raise ValueError(
                "discriminant analysis learns from singers: fit(X, y) with the singer "
                "of each recording"
            )
        estimator = _lda() if self.estimator is None else clone(self.estimator)
        self.estimator_ = estimator.fit(clips, y)
        self._n_features_out = self.estimator_.transform(clips[:1]).shape[1]
        if self._n_features_out == 0:
            raise ValueError(
                f"{type(self).__name__} is left with no dimension; discriminant "
                "analysis needs recordings of at least two singers"
            )
        self.n_features_in_ = clips.shape[1]
        return self

    def transform(self, X):
        """Return where recordings lie: at the mean of their clips.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, n_components)
            To be compared by Euclidean distance.
        """
        return np.stack([clips.mean(axis=0) for clips in self.transform_chunks(X)])

    def transform_chunks(self, X):
        """Return where the clips of recordings lie.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_clips, n_components)
            One entry a recording.
        """
        clips, n_clips = self._check(X)
        return _split(np.asarray(self.estimator_.transform(clips)), n_clips)


def make_svm_baseline(estimator=None, **features):
    """Return the classical baseline: raw recordings in, singers out.

    Parameters
    ----------
    estimator : classifier, default=None
        Any scikit-learn classifier over clips; None stands for standardised features
        and an SVM. ``LinearDiscriminantAnalysis()`` is the stronger one on small data.
    **features
        Parameters of `HandcraftedFeatures`, such as ``hop_frames=128`` or ``n_jobs=2``.

    Returns
    -------
    baseline : sklearn.pipeline.Pipeline
        Of the steps ``features`` and ``clips``. Its parameters go by names such as
        ``clips__estimator__svc__C``; what it says about clips comes from
        ``baseline["clips"].predict_chunks(baseline[:-1].transform(X))``.

    See Also
    --------
    singerlearn.SingerNetClassifier : The networks, on the same input.

    References
    ----------
    The paper's section 3.4 and the first row of its Table 1.

    Examples
    --------
    >>> from singerlearn.baseline import make_svm_baseline
    >>> baseline = make_svm_baseline(sampling_rate=16000)
    >>> baseline = baseline.set_params(clips__estimator__svc__C=1.0)
    >>> list(baseline.named_steps)
    ['features', 'clips']
    """
    return Pipeline(
        [
            ("features", HandcraftedFeatures(**features)),
            ("clips", ClipClassifier(_svm() if estimator is None else estimator)),
        ]
    )


def _lda():
    """Discriminant analysis itself is blind to scale; its tolerance is not."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())


def _svm():
    """The paper's baseline names an SVM and no more; the RBF kernel is the usual one.

    Hand-crafted clips are many to a recording and alike, hence a C above 1.
    """
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10.0))


def _stack(X):
    """Return the clips of all recordings below each other, and how many each has.

    Returns
    -------
    clips : ndarray of shape (n_all_clips, n_features)
    n_clips : list of n_recordings int
    """
    if not isinstance(X, list | tuple):
        X = np.atleast_1d(X)  # a table's rows are recordings of one clip
    if len(X) == 0:
        raise ValueError("X holds no recordings")
    recordings = []
    for i, clips in enumerate(X):
        try:
            clips = np.atleast_2d(np.asarray(clips, dtype=float))
        except (TypeError, ValueError):
            raise ValueError(
                f"recording {i} is a {type(clips).__name__}, not an array of features; "
                "make_svm_baseline() takes raw recordings"
            ) from None
        if clips.ndim != 2 or clips.size == 0:
            raise ValueError(
                f"recording {i} has shape {clips.shape} but must be one or more clips "
                "by features"
            )
        if clips.shape[1] != (recordings or [clips])[0].shape[1]:
            raise ValueError(
                f"recording {i} has {clips.shape[1]} features a clip, but recording 0 "
                f"has {recordings[0].shape[1]}"
            )
        if not np.isfinite(clips).all():
            raise ValueError(f"recording {i} has features that are NaN or infinite")
        recordings.append(clips)
    return np.concatenate(recordings), [len(clips) for clips in recordings]


def _split(rows, n_clips):
    """Undo `_stack`: return the rows of each recording."""
    return np.split(rows, np.cumsum(n_clips)[:-1])


def _weights_for(estimator, weights):
    """Return the arguments that give the weights to `estimator`, or to all its steps.

    A scaler must weigh as the classifier behind it does: else doubling a weight would
    not be the same as repeating a recording.
    """
    if not isinstance(estimator, Pipeline):
        steps = [("", estimator)]
    else:
        steps = [(f"{name}__", step) for name, step in estimator.steps]
    if not has_fit_parameter(steps[-1][1], "sample_weight"):
        raise ValueError(
            f"{type(steps[-1][1]).__name__} doesn't support sample_weight: fit without"
        )
    return {
        f"{prefix}sample_weight": weights
        for prefix, step in steps
        if has_fit_parameter(step, "sample_weight")
    }
