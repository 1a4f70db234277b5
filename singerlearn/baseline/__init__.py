"""The classical baselines: any scikit-learn estimator over hand-crafted clips.

The paper's baseline (section 3.4) is an SVM on the mean and standard deviation of
frame features of each clip of about six seconds. Here its decisions on clips become one
label and one probability per recording. The embedder's counterpart is the projection of
the same clips by linear discriminant analysis, which is hard to beat with few
recordings.
"""

from singerlearn.baseline.classifier import ClipClassifier, make_svm_baseline
from singerlearn.baseline.embedder import ClipEmbedder

__all__ = ["ClipClassifier", "ClipEmbedder", "make_svm_baseline"]
