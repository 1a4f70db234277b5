"""Learn who is singing: scikit-learn estimators over recordings of singing voices.

One sample is one recording: X has one entry per recording, y one label. Torch, skorch,
librosa and matplotlib are imported by the first name that needs them.
"""

from importlib import import_module
from threading import RLock

__version__ = "0.1.0.dev0"

_WHERE = {
    "AttentionDisplay": "display",
    "CQTChunker": "features",
    "ChunkEmbeddings": "backends",
    "ClipClassifier": "baseline",
    "ClipEmbedder": "baseline",
    "CohortScorer": "backends",
    "DETDisplay": "display",
    "EmbeddingDisplay": "display",
    "FrequencyTemplateDisplay": "display",
    "HandcraftedFeatures": "features",
    "KNNDisplay": "display",
    "MelChunker": "features",
    "PLDA": "backends",
    "SingerEmbedder": "embedder",
    "SingerNetClassifier": "classifier",
    "SpectrogramStore": "store",
    "TrainingCurveDisplay": "display",
    "VoiceFeatures": "voices",
    "make_svm_baseline": "baseline",
    "normalize_scores": "backends",
}
_ROOMS = {
    "audio", "chunks", "datasets", "metrics", "model_selection", "nn", "pretrained",
    "spectrogram", "synthesis", *_WHERE.values(),
}  # fmt: skip

__all__ = sorted(_WHERE)

# scikit-learn's modules import each other in circles, in which two threads would meet
# them half-initialised.
_importing = RLock()


def __getattr__(name):
    """Import a public name, or a module of the package, when it is first asked for."""
    with _importing:
        if name in _WHERE:
            return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        if name in _ROOMS:
            return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_ROOMS})
