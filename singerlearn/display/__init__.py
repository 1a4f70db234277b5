"""The pictures, after scikit-learn's Display contract.

A ``from_*`` class method computes and keeps the numbers; ``plot`` draws them as often
as wanted, into axes of its own or some that are given, returns the display, and leaves
``ax_`` or ``axes_``, ``figure_`` and the artists behind.
"""

from singerlearn.display.attention import AttentionDisplay, FrequencyTemplateDisplay
from singerlearn.display.embedding import EmbeddingDisplay, Projection
from singerlearn.display.neighbours import KNNDisplay
from singerlearn.display.training_curve import TrainingCurve, TrainingCurveDisplay
from singerlearn.display.verification import DETDisplay

__all__ = [
    "AttentionDisplay",
    "DETDisplay",
    "EmbeddingDisplay",
    "FrequencyTemplateDisplay",
    "KNNDisplay",
    "Projection",
    "TrainingCurve",
    "TrainingCurveDisplay",
]
