"""The clips of many recordings as one table, and back."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted


class OverClips(BaseEstimator):
    """What all estimators over the clips of recordings share."""

    def _fit_inner(self, estimator, clips, y, n_recordings, **weights):
        """Fit ``estimator_``, or say that there is too little to learn it from."""
        try:
            self.estimator_ = estimator.fit(clips, y, **weights)
        except ValueError as error:
            is_singular = isinstance(error, np.linalg.LinAlgError)
            if not is_singular and len(clips) > len(np.unique(y)):
                raise
            raise ValueError(
                f"{len(clips)} clips of {n_recordings} recordings are too few for "
                f"{estimator!r} ({error}); give more recordings, or another "
                "estimator, such as PLDA() where singers have several clips"
            ) from error
        self.n_features_in_ = clips.shape[1]

    def _check(self, X):
        """Return all clips and their number in each recording, as `fit` knew them."""
        check_is_fitted(self)
        clips, n_clips = stack_clips(X)
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


def stack_clips(X):
    """Return the clips of all recordings as one table, and how many each has.

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
