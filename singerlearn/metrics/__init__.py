"""Figures of merit: arrays in, numbers out.

Conventions
-----------
**Recordings and chunks.** A recording is one entry of ``y_true``: the singer heard on
it. Predictions for its chunks (or clips) are one array of labels per recording, as
``predict_chunks`` returns them.

**Accuracy** is the share of correct answers, in [0, 1]; higher is better. *Recording
accuracy* counts every recording once, *chunk accuracy* every chunk, so that a long
recording counts more than a short one. The paper does not say which of the two its
Table 1 shows; we report both.

**Embeddings** are rows of Z, one per sample: a recording or a chunk. Close means alike,
and distance is the squared Euclidean one of equation 4; scale the rows to unit length
first if the angle is what counts.

**Nearest neighbours.** Every sample is the query once, and never its own neighbour.
Neighbours that share a group with the query (its recording, song, lyric or melody) can
be excluded. Equally near neighbours rank in the order of Z; if labels have equally many
votes, the one with the nearest neighbour wins. A query with fewer than k neighbours
left is decided by those; a query with none is an error. A query whose label none of its
neighbours has, such as the only recording of a singer, cannot be answered and counts as
wrong.

**Trials.** A trial is a pair of recordings and the question whether both are by the
same singer: yes for a *target*, no for a *non-target*. The more alike the two are, the
higher the score; `Trials` gives the squared distance, negated. Error rates lie in
[0, 1]; lower is better.

**Uncertainty.** The singers are the sample: recordings by the same singer tend to be
right or wrong together, so intervals draw singers, not recordings, and two models are
compared over the same folds or the same singers.

Malformed input raises ValueError; nothing returns NaN.
"""

from singerlearn.metrics.accuracy import chunk_accuracy, recording_accuracy
from singerlearn.metrics.drawing import make_trials
from singerlearn.metrics.neighbours import leave_one_out_knn, leave_one_out_predict
from singerlearn.metrics.song_effect import (
    KNNEffect,
    SongEffectReport,
    song_effect_report,
)
from singerlearn.metrics.trials import Trials
from singerlearn.metrics.uncertainty import (
    Comparison,
    Interval,
    bootstrap_interval,
    compare_models,
)
from singerlearn.metrics.verification import (
    DETCurve,
    contrastive_loss,
    det_curve,
    equal_error_rate,
    min_dcf,
    miss_rate,
)

__all__ = [
    "Comparison",
    "DETCurve",
    "Interval",
    "KNNEffect",
    "SongEffectReport",
    "Trials",
    "bootstrap_interval",
    "chunk_accuracy",
    "compare_models",
    "contrastive_loss",
    "det_curve",
    "equal_error_rate",
    "leave_one_out_knn",
    "leave_one_out_predict",
    "make_trials",
    "min_dcf",
    "miss_rate",
    "recording_accuracy",
    "song_effect_report",
]
