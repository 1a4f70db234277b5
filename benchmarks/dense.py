"""How much do dense predictions differ from those of chunks? On real recordings.

    python benchmarks/dense.py --data <folder of RAVDESS song> --output dense

The library's classifier and embedder are trained on one lyric and melody of RAVDESS
song and predict the crossed one, by chunks and densely; both directions. The table
gives

- accuracy of chunks and of recordings, by chunks and dense;
- how far probabilities differ, at most and on average, and how many recordings get
  another name;
- how far an embedding moves, as a share of the median distance between two recordings.
"""

from pathlib import Path

import collection
import numpy as np
from accuracies import accuracies_of
from command_line import bare_parser
from scipy.spatial.distance import pdist
from timing import write_table
from tqdm.auto import tqdm

from singerlearn import MelChunker, SingerEmbedder, SingerNetClassifier
from singerlearn.chunks import mean_of_each


def compare_names(model, X, y):
    """Return accuracies of a classifier both ways, and how its probabilities differ."""
    ways, cells = [], {}
    for way, name in (("chunks", "by chunks"), ("dense", "dense")):
        model.set_params(inference=way)
        ways.append(model.predict_proba_chunks(X))
        right = accuracies_of(ways[-1], model.classes_, y)
        cells |= {f"{name}: {what}": f"{share:.3f}" for what, share in right.items()}
    of_chunks = np.abs(np.subtract(*map(np.concatenate, ways)))
    by_chunks, dense = map(mean_of_each, ways)
    of_recordings = np.abs(by_chunks - dense)
    renamed = np.sum(by_chunks.argmax(axis=1) != dense.argmax(axis=1))
    return cells | {
        "chunks differ by": f"{of_chunks.max():.2f}, {of_chunks.mean():.4f} on average",
        "recordings differ by": f"{of_recordings.max():.2f}, "
        f"{of_recordings.mean():.4f} on average",
        "renamed": f"{renamed} of {len(y)}",
    }


def compare_embeddings(model, X):
    """Return how far an embedding moves, and how far recordings lie apart."""
    by_chunks, dense = (
        model.set_params(inference=way).transform(X) for way in ("chunks", "dense")
    )
    moved = np.linalg.norm(by_chunks - dense, axis=1) / np.median(pdist(by_chunks))
    return {"embeddings move by": f"{moved.max():.2f}, {np.median(moved):.3f} median"}


def main():
    """Read the command line, train, compare, print and save."""
    parser = bare_parser(__doc__)
    collection.add_arguments(parser)
    parser.add_argument("--epochs", type=int, help="of each fit, if not the default")
    parser.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda, ..."
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of both trainings")
    parser.add_argument("--output", type=Path, help="folder for dense.md and .json")
    arguments = parser.parse_args()
    voices = collection.load(arguments)
    X = MelChunker(n_jobs=-1).fit_transform(voices.recordings)
    common = dict(device=arguments.device, random_state=arguments.seed, verbose=0)
    # What is compared are ways to predict: both learn from the recordings alone.
    common |= dict(augment=True, synthetic_singers=0)
    if arguments.epochs:
        common["max_epochs"] = arguments.epochs
    rows = []
    for name, train, test in tqdm(list(collection.crossed_directions(voices))):
        known, new = ([X[i] for i in side] for side in (train, test))
        y = voices.singers
        classifier = SingerNetClassifier(**common).fit(known, y[train])
        embedder = SingerEmbedder(stretches=(), **common)
        embedder.fit(known, y[train])
        rows.append(
            {"direction": name}
            | compare_names(classifier, new, y[test])
            | compare_embeddings(embedder, new)
        )
    path = arguments.output and arguments.output / "dense"
    print(write_table(path, rows, recordings=str(voices)))


if __name__ == "__main__":
    main()
