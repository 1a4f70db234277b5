"""The pictures, which follow scikit-learn's Display API.

A ``from_*`` class method computes and keeps the numbers; ``plot`` draws them, as often
as you like, into new axes or given ones, returns the display, and sets ``ax_`` or
``axes_``, ``figure_`` and the artists.
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
