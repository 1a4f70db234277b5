"""Figures of merit: arrays in, numbers out.

Conventions
-----------
**Recordings and chunks.** A recording is one entry of ``y_true``, the singer who is
heard on it. What an estimator says about its chunks (or clips) is one array of labels a
recording, as ``predict_chunks`` returns it.

**Accuracy** is the share of right answers, in [0, 1], higher is better. *Recording
accuracy* counts every recording once, *chunk accuracy* every chunk, so that a long
recording counts more than a short one. The paper does not say which of the two its
Table 1 shows; we report both.

**Embeddings** are rows of Z, one a sample: a recording or a chunk. Close is alike, and
distance is the squared Euclidean one of equation 4; scale the rows to unit length first
where the angle is what counts.

**Nearest neighbours.** Every sample is the query once, and never its own neighbour. A
query may also have to do without the neighbours that share a group with it: its
recording, its song, its lyric or its melody. Equally near neighbours rank in the order
of Z; of labels with equally many votes the one with the nearest neighbour wins. A query
with fewer than k neighbours left is decided by those that are left; one with none is an
error. A query whose label no neighbour of its own carries, as that of a singer with a
single recording, cannot be answered and counts as wrong.

**Trials.** A trial is a pair of recordings and the question whether one singer sings
both: yes in a *target*, no in a *non-target*. A score is higher the more alike the two
are; `Trials` gives the squared distance, negated. Error rates lie in [0, 1], lower is
better.

**Uncertainty.** The singers are the sample: recordings of one singer rise and fall
together, so intervals draw singers, not recordings, and two models are compared over
the same folds or the same singers.

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
