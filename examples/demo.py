"""Name singers, and see how far the network is ahead of the baseline.

    python examples/demo.py                  on singers synthesised on the spot
    python examples/demo.py my_recordings    on my_recordings/<singer>/<recording>

Fits the SVM baseline and the network on the same folds, prints how many chunks and
recordings each names correctly, and draws what the network did. Further pictures show
the recordings as embedded by the library's encoder, which has heard none of these
singers.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from singerlearn import (
    AttentionDisplay,
    ClipEmbedder,
    EmbeddingDisplay,
    HandcraftedFeatures,
    KNNDisplay,
    MelChunker,
    SingerEmbedder,
    SingerNetClassifier,
    TrainingCurveDisplay,
    make_svm_baseline,
)
from singerlearn.chunks import mean_of_each
from singerlearn.datasets import load_folder, make_singers
from singerlearn.metrics import chunk_accuracy, recording_accuracy


def load(folder):
    """Return the user's recordings, or singers who need no data."""
    if folder:
        return load_folder(folder)
    return make_singers(n_singers=6, n_songs=6, random_state=0, n_jobs=-1)


def split(data, n_folds):
    """Return folds that part the songs too, where each side can have every singer."""
    singers, counts = np.unique(data.singers, return_counts=True)
    if len(singers) < 2:
        raise SystemExit(f"needs two singers or more; there is only '{singers[0]}'")
    if counts.min() < 2:
        few = singers[counts.argmin()]
        raise SystemExit(f"needs two recordings of each singer; '{few}' has one")
    n_folds = min(n_folds, counts.min())
    if len(np.unique(data.songs)) >= n_folds:
        folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0)
        folds = list(folds.split(data.recordings, data.singers, data.songs))
        if all(
            len(np.unique(data.singers[train])) == len(counts) for train, _ in folds
        ):
            return folds
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    return list(folds.split(data.recordings, data.singers))


def cross_validate(model, data, folds):
    """Fit on each fold; return fitted models, scores and each recording's label."""
    fitted, scores, named = [], [], np.empty_like(data.singers)
    for train, test in folds:
        start = time.perf_counter()
        model_ = clone(model).fit(
            [data.recordings[i] for i in train], data.singers[train]
        )
        chunks = model_[:-1].transform([data.recordings[i] for i in test])
        named[test] = model_[-1].predict(chunks)
        scores.append(
            {
                "chunks": chunk_accuracy(
                    data.singers[test], model_[-1].predict_chunks(chunks)
                ),
                "recordings": recording_accuracy(data.singers[test], named[test]),
                "seconds": time.perf_counter() - start,
            }
        )
        fitted.append(model_)
    return fitted, scores, named


def network(max_epochs, data, folds):
    """Return the network, a Pipeline on raw recordings as the baseline is one."""
    # Early stopping needs somebody with two recordings to train on.
    spare = all(
        np.unique(data.singers[train], return_counts=True)[1].max() > 1
        for train, _ in folds
    )
    # Singers beyond the data would take as long again.
    net = SingerNetClassifier(
        synthetic_singers=0,
        early_stopping=spare,
        max_epochs=max_epochs,
        random_state=0,
    )
    return Pipeline([("chunks", MelChunker(n_jobs=-1)), ("net", net)])


def print_table(results, n_singers):
    """Print mean and spread over the folds."""
    print(f"\n{'':10}  {'chunks right':>15}  {'recordings right':>17}  {'seconds':>7}")
    for name, (_, scores, _) in results.items():
        cells = [
            f"{np.mean(values):.3f} ± {np.std(values):.3f}"
            for values in ([s[k] for s in scores] for k in ("chunks", "recordings"))
        ]
        seconds = sum(s["seconds"] for s in scores)
        print(f"{name:10}  {cells[0]:>15}  {cells[1]:>17}  {seconds:>7.0f}")
    print(f"{'chance':10}  {1 / n_singers:>7.3f}\n")


def draw(results, data, folds, output):
    """Write the confusion matrix, the training curve and a chunk with its attention."""
    output.mkdir(exist_ok=True)
    nets, _, named = results["network"]

    size = 3 + 0.35 * len(np.unique(data.singers))
    figure, ax = plt.subplots(figsize=(size, size), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        data.singers, named, ax=ax, cmap="Blues", colorbar=False, xticks_rotation=90
    )
    ax.set_title("Recordings by singer, over all folds")
    figure.savefig(output / "confusion_matrix.png", dpi=120)

    curves = {f"fold {i}": net[-1].history_ for i, net in enumerate(nets, 1)}
    display = TrainingCurveDisplay.from_history(curves).plot()
    display.figure_.savefig(output / "learning_curve.png", dpi=120)

    heard = nets[0][:-1].transform([data.recordings[folds[0][1][0]]])[0]
    display = AttentionDisplay.from_estimator(nets[0][-1], heard).plot()
    display.figure_.savefig(output / "attention.png", dpi=120)


def embed(data, output):
    """Draw where an encoder that was trained elsewhere lays the recordings."""
    print("encoder ...")
    clips = HandcraftedFeatures(n_jobs=-1).fit_transform(data.recordings)
    heard = MelChunker(n_jobs=-1).fit_transform(data.recordings)
    standardised = ClipEmbedder(StandardScaler()).fit(clips)
    chunks = {
        "hand-crafted": standardised.transform_chunks(clips),
        "encoder": SingerEmbedder.from_pretrained().transform_chunks(heard),
    }
    labels = dict(singers=data.singers, songs=data.songs)
    display = EmbeddingDisplay.from_embeddings(chunks, **labels)
    display.plot().figure_.savefig(output / "embedding.png", dpi=120)

    recordings = {name: mean_of_each(own) for name, own in chunks.items()}
    display = KNNDisplay.from_embeddings(recordings, **labels, n_neighbors=(1, 3))
    display.plot().figure_.savefig(output / "neighbours.png", dpi=120)


def main():
    """Run the main job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="recordings as <singer>/<recording>")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        help="folder for the pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--max-epochs",
        type=int,
        default=24,
        help="epochs of the network (default: %(default)s)",
    )
    arguments = parser.parse_args()
    if arguments.max_epochs < 1:
        parser.error("--max-epochs must be 1 or more")
    try:
        data = load(arguments.folder)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    folds = split(data, 3)
    n_singers = len(np.unique(data.singers))
    print(
        f"{len(data.recordings)} recordings of {n_singers} singers, {len(folds)} folds"
    )
    models = {
        "SVM": make_svm_baseline(n_jobs=-1),
        "network": network(arguments.max_epochs, data, folds),
    }
    results = {}
    for name, model in models.items():
        print(f"{name} ...")
        results[name] = cross_validate(model, data, folds)
    print_table(results, n_singers)
    draw(results, data, folds, arguments.output)
    embed(data, arguments.output)
    print(f"Pictures are in {arguments.output.resolve()}:")
    for picture in sorted(arguments.output.glob("*.png")):
        print(f"  {picture.name}")


if __name__ == "__main__":
    main()
