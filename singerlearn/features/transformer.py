"""What all transformers of recordings share."""

from importlib import import_module
from itertools import count
from numbers import Integral, Real

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval

from singerlearn.audio import check_recordings, map_in_threads, naming
from singerlearn.chunks import Chunks, ListOutputMixin

POSITIVE = [Interval(Real, 0, None, closed="neither")]
COUNT = [Interval(Integral, 1, None, closed="left")]
WINDOW = [Interval(Integral, 2, None, closed="left")]


class RecordingTransformer(ListOutputMixin, TransformerMixin, BaseEstimator):
    """Applies `_transform_recording` of its subclass to every recording."""

    _parameter_constraints = {
        "sampling_rate": POSITIVE,
        "hop_length": COUNT,
        "hop_frames": COUNT,
        "n_jobs": [Integral, None],
    }

    # Imported before the threads start: there, modules that import each other could be
    # seen half-initialised.
    _modules = ()

    def fit(self, X, y=None):
        """Check the parameters and that X is a list of recordings.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings; none is opened.
        y : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        self : object
            The transformer, which has learned nothing.
        """
        self._check(X)
        return self

    def transform(self, X):
        """Load the recordings and transform each; no `fit` is needed first.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        Xt : list of n_recordings transformed recordings
            In the order of X.

        Raises
        ------
        FileNotFoundError, ValueError
            If a recording cannot be read or has nothing to hear; the message names it.
        """
        return self._as_configured(list(self._iterate(X)), X)

    def _iterate(self, X):
        """Return an iterator over the transformed recordings, loaded one by one."""
        recordings = self._check(X)
        for module in self._modules:
            try:
                import_module(module)
            except RuntimeError as error:  # of numba, and of pooch
                raise RuntimeError(
                    "librosa needs a folder for its caches, and finds none that it may "
                    "write: set the environment variables HOME and NUMBA_CACHE_DIR to "
                    f"such folders ({error})"
                ) from error
        return map_in_threads(
            self._transform_named, count(), recordings, n_jobs=self.n_jobs
        )

    def __sklearn_tags__(self):
        """X is a list of recordings, and there is nothing to fit."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags

    def _check(self, X):
        self._validate_params()
        recordings = check_recordings(X)
        for index, recording in enumerate(recordings):
            if isinstance(recording, Chunks):
                raise ValueError(
                    f"recording {index} is chunked already; {type(self).__name__} "
                    "takes paths and waveforms, so leave it out"
                )
        return recordings

    def _transform_named(self, index, recording):
        with naming(index, recording):
            return self._transform_recording(recording)
