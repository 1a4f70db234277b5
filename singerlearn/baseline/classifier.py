"""Name recordings by a scikit-learn classifier over their clips."""

import numpy as np
from sklearn.base import clone, config_context
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import _check_sample_weight, has_fit_parameter

from singerlearn.baseline.clips import OverClips, stack_clips
from singerlearn.chunks import ChunkClassifierMixin, by_recording, in_groups
from singerlearn.features import HandcraftedFeatures
from singerlearn.labels import encode_singers

AT_ONCE = 10_000  # clips whose probabilities are in memory together


class ClipClassifier(ChunkClassifierMixin, OverClips):
    """Names the singer of a recording by what a classifier says about its clips.

    The inner classifier learns from all clips of all recordings, each labelled with
    its recording's singer. A recording's probabilities are the mean over its clips: of
    ``predict_proba`` if the inner classifier has it, otherwise of its votes, that is,
    the share of clips that it gives to each singer. If singers are equally probable,
    the first in ``classes_`` is named.

    Parameters
    ----------
    estimator : classifier, default=None
        Any scikit-learn classifier; cloned before it is fitted. None means standardised
        features and an SVM with an RBF kernel and C=10. A classifier that splits what
        it learns from (a search, a calibration) splits clips, and hears the same
        recording on both sides. Search around the ClipClassifier instead, where
        recordings are split: for example, over ``estimator__C`` of
        ``ClipClassifier(SVC())``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The singers' names, sorted.
    estimator_ : classifier
        The fitted inner classifier.
    n_features_in_ : int
        Features per clip.

    See Also
    --------
    make_svm_baseline : The same on raw recordings.

    Examples
    --------
    Two recordings, one of three clips and one of a single clip, with two features:

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
            n_features) means one clip per recording.
        y : array-like of shape (n_recordings,)
            The singer of each recording.
        sample_weight : array-like of shape (n_recordings,), default=None
            Weight of each recording, and so of each of its clips: 2 is the same as
            having the recording twice in X.

        Returns
        -------
        self : ClipClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a recording's clips cannot be used (the message names it), if lengths
            disagree, if there is only one singer, or if weights are given that the
            inner classifier does not take.
        """
        clips, n_clips = stack_clips(X)
        names, codes = encode_singers(y, len(n_clips))
        estimator = _svm() if self.estimator is None else clone(self.estimator)
        weights = {}
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, n_clips, ensure_non_negative=True
            )
            weights = _weights_for(estimator, np.repeat(sample_weight, n_clips))
        # Metadata routing, if on, would refuse weights that are sent to steps by name.
        with config_context(enable_metadata_routing=False):
            y = names[np.repeat(codes, n_clips)]
            self._fit_inner(estimator, clips, y, len(n_clips), **weights)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_chunks(self, X):
        """Return the singer that the inner classifier hears in each clip.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_clips,)
            One entry per recording.
        """
        clips, n_clips = self._check(X)
        return by_recording(self.estimator_.predict(clips), n_clips)

    def predict_proba_chunks(self, X):
        """Return the singers' probabilities for each clip.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_clips, n_classes)
            One entry per recording. If the inner classifier has no probabilities, 1 for
            the singer it names and 0 for the others.
        """
        return list(self._probabilities(X))

    def _probabilities(self, X):
        """Yield the singers' probabilities for the clips of each recording."""
        for some in in_groups(by_recording(*self._check(X)), AT_ONCE):
            clips = np.concatenate(some)
            if hasattr(self.estimator_, "predict_proba"):
                probabilities = self.estimator_.predict_proba(clips)
            else:
                votes = self.estimator_.predict(clips)
                probabilities = (votes[:, None] == self.classes_).astype(float)
            yield from by_recording(probabilities, [len(own) for own in some])


def make_svm_baseline(estimator=None, **features):
    """Return the classical baseline: raw recordings in, singers out.

    Parameters
    ----------
    estimator : classifier, default=None
        Any scikit-learn classifier over clips; None means standardised features and an
        SVM. ``LinearDiscriminantAnalysis()`` is stronger on small data.
    **features
        Parameters of `HandcraftedFeatures`, such as ``hop_frames=128`` or ``n_jobs=2``.

    Returns
    -------
    baseline : sklearn.pipeline.Pipeline
        With the steps ``features`` and ``clips``. Its parameters have names such as
        ``clips__estimator__svc__C``; its predictions for clips come from
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


def _svm():
    """Return an SVM; the paper says no more of it, and the RBF kernel is the usual one.

    A recording has many clips, and they are alike: hence a C above 1.
    """
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10.0))


def _weights_for(estimator, weights):
    """Return the arguments that give the weights to `estimator`, or to all its steps.

    A scaler must use the same weights as the classifier after it; otherwise, doubling a
    weight would not be the same as repeating a recording.
    """
    if not isinstance(estimator, Pipeline):
        steps = [("", estimator)]
    else:
        steps = [(f"{name}__", step) for name, step in estimator.steps]
    if not has_fit_parameter(steps[-1][1], "sample_weight"):
        raise ValueError(
            f"{type(steps[-1][1]).__name__}.fit has no argument sample_weight: fit "
            "without, or give a classifier whose fit has one"
        )
    return {
        f"{prefix}sample_weight": weights
        for prefix, step in steps
        if has_fit_parameter(step, "sample_weight")
    }
