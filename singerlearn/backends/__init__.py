"""What comes after an embedding: spaces and scores learned from your own singers.

scikit-learn has most of it, and takes an embedder's (n_recordings, n_components) as
they are. ``Normalizer()`` gives rows the length 1, after which Euclidean distance ranks
as cosine similarity does, in neighbours, t-SNE and trials alike.
``LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")`` projects to where
singers differ. This package adds what scikit-learn lacks: `PLDA`, which scores whether
two recordings are by the same singer; `ChunkEmbeddings`, which lets any such step learn
from chunks, of which there are more than recordings; `CohortScorer`, which sets scores
(by angle, distance or PLDA) against those that strangers get; and `normalize_scores`,
which does the same with scores of any kind.

>>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import Normalizer
>>> from singerlearn import ClipEmbedder, SingerEmbedder
>>> from singerlearn.backends import PLDA, ChunkEmbeddings, CohortScorer
>>> cosine = make_pipeline(SingerEmbedder(), Normalizer())
>>> projected = make_pipeline(
...     SingerEmbedder(), LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
... )
>>> scored = make_pipeline(SingerEmbedder(), PLDA())
>>> set_against_others = make_pipeline(SingerEmbedder(), CohortScorer())
>>> of_chunks = make_pipeline(ChunkEmbeddings(SingerEmbedder()), ClipEmbedder(PLDA()))

To keep a network as it is while the steps behind it learn, put it into a
`sklearn.frozen.FrozenEstimator`.
"""

from singerlearn.backends.chunk_embeddings import ChunkEmbeddings
from singerlearn.backends.cohort_scorer import CohortScorer
from singerlearn.backends.plda import PLDA
from singerlearn.backends.score_normalization import normalize_scores

__all__ = ["PLDA", "ChunkEmbeddings", "CohortScorer", "normalize_scores"]
