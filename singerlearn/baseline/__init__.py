"""The classical baselines: any scikit-learn estimator over hand-crafted clips.

The paper's baseline (section 3.4) is an SVM on the mean and standard deviation of
frame features of each clip of about six seconds. Here its clip decisions become one
label and one probability a recording. Beside the embedder stands the projection of the
same clips by linear discriminant analysis, the baseline to fear on few recordings.
"""

from singerlearn.baseline.classifier import ClipClassifier, make_svm_baseline
from singerlearn.baseline.embedder import ClipEmbedder

__all__ = ["ClipClassifier", "ClipEmbedder", "make_svm_baseline"]
