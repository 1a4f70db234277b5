"""How good an embedding is on one fold: neighbours, verification, loss."""

import numpy as np
from scipy.optimize import minimize_scalar
from steps import EFFORT

from singerlearn.chunks import by_recording, mean_of_each
from singerlearn.metrics import (
    contrastive_loss,
    equal_error_rate,
    leave_one_out_knn,
    leave_one_out_predict,
    make_trials,
)

N_NEIGHBORS = (1, 3, 5, 7)


def measure(fit, n_chunks, split, voices):
    """Return every figure of one fit.

    Parameters
    ----------
    fit : dict
        Where the chunks of both sides lie in "train" and "test"; "steps", "seconds".
    n_chunks : ndarray of shape (n_recordings,)
    split : Split
        Of `singing_embedding`.
    voices : Collection
    """
    chunks = {
        side: by_recording(fit[side], n_chunks[getattr(split, side)])
        for side in ("train", "test")
    }
    Z = {side: mean_of_each(own) for side, own in chunks.items()}
    singers = {side: voices.singers[getattr(split, side)] for side in chunks}

    # Crossed neighbours: among the new singers' own recordings, or those trained on.
    known = [split.train] if split.protocol == "new songs" else []
    everything = np.concatenate([split.test, *known])
    placed = np.concatenate([Z["test"], *([Z["train"]] if known else [])])
    crossed = [grouping[everything] for grouping in voices.groupings]
    named = {
        k: leave_one_out_predict(
            placed,
            voices.singers[everything],
            n_neighbors=k,
            exclude_groups=crossed,
        )[: len(split.test)]
        for k in N_NEIGHBORS
    }
    trials = make_trials(voices.singers[everything], exclude_groups=crossed)
    row = {"EER": equal_error_rate(trials.is_target, trials.scores(placed))}
    row |= {
        f"crossed {k}": np.mean(labels == singers["test"])
        for k, labels in named.items()
    }
    for what, labels in (
        ("singer", singers["test"]),
        ("song", voices.songs[split.test]),
    ):
        counts = np.unique(labels, return_counts=True)[1]
        chance = counts @ (counts - 1) / len(labels) / (len(labels) - 1)
        found = dict.fromkeys(N_NEIGHBORS, 0.0)
        if chance:  # or no song is there twice to be found
            found = leave_one_out_knn(Z["test"], labels, n_neighbors=N_NEIGHBORS)
        row |= {f"{what} {k}": accuracy for k, accuracy in found.items()}
        row[f"{what} chance"] = chance

    pairs = {side: chunk_pairs(chunks[side], singers[side]) for side in chunks}
    row["loss"] = contrastive_loss(*pairs["test"])
    unit = best_unit(*pairs["train"])
    is_target, distances = pairs["test"]
    row["loss, scaled"] = contrastive_loss(is_target, unit * distances)
    return row | {what: float(fit[what]) for what in EFFORT}


def rehearse(n_chunks, split, voices):
    """Measure noise: what cannot be measured is refused before hours of training."""
    rng = np.random.default_rng(0)
    sides = {side: getattr(split, side) for side in ("train", "test")}
    noise = {
        side: rng.normal(size=(n_chunks[own].sum(), 2)) for side, own in sides.items()
    }
    try:
        measure(noise | dict.fromkeys(EFFORT, 0), n_chunks, split, voices)
    except ValueError as error:
        singers = {side: len(set(voices.singers[own])) for side, own in sides.items()}
        raise SystemExit(
            f"{split.protocol}: with {len(split.train)} recordings of "
            f"{singers['train']} singers to train on, and {len(split.test)} of "
            f"{singers['test']} to embed, not all can be measured ({error}); take more "
            "singers, or more recordings of each"
        ) from error


def chunk_pairs(chunks, singers, n_pairs=20_000, n_chunks=3000):
    """Return which pairs of chunks are of one singer, and their squared distances.

    Of hours of singing, so many chunks at even distances stand for all.
    """
    lengths = [len(z) for z in chunks]
    every = slice(None, None, -(-sum(lengths) // n_chunks))
    recordings = np.repeat(np.arange(len(chunks)), lengths)[every]
    singers = singers[recordings]
    possible = make_trials(singers, exclude_groups=recordings).is_target
    n_each = min(n_pairs, possible.sum(), (~possible).sum())
    trials = make_trials(
        singers,
        exclude_groups=recordings,
        n_targets=n_each,
        n_nontargets=n_each,
        random_state=0,
    )
    return trials.is_target, trials.distances(np.concatenate(chunks)[every])


def best_unit(is_target, distances):
    """Return the factor on squared distances with the least contrastive loss."""

    def loss(log_factor):
        return contrastive_loss(is_target, np.exp(log_factor) * distances)

    return np.exp(minimize_scalar(loss, bounds=(-15, 15), method="bounded").x)
