"""The transformers: recordings become chunked spectrograms, or features of clips.

X is a list with one entry per recording, and so is the output: a step never changes
``len(X)``, so every splitter, search and pipeline of scikit-learn works unchanged, and
the chunks of a recording always stay in the same fold. The transformers learn nothing:
`fit` only checks.
"""

from singerlearn.features.chunkers import (
    CQTChunker,
    MelChunker,
    as_chunks,
    as_recordings,
    iter_chunks,
)
from singerlearn.features.handcrafted import HandcraftedFeatures

__all__ = [
    "CQTChunker",
    "HandcraftedFeatures",
    "MelChunker",
    "as_chunks",
    "as_recordings",
    "iter_chunks",
]
