"""Bayesian search of hyper-parameters, as the paper did with Spearmint (section 3.3).

    python examples/search_hyperparameters.py

Optuna's scikit-learn search tunes learning rate, dropout, batch size and the dimensions
of an embedding of synthetic singers; some of their songs are kept for a final test. The
score of a set of values is how often, for a recording of a song that was not trained
on, the nearest recording among songs that were is by the same singer. As in Spearmint,
a Gaussian process of the results so far says where to look next. The paper's values
come first. It takes minutes, and needs the extra ``search``.
"""

import argparse
import warnings

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from singerlearn import MelChunker, SingerEmbedder
from singerlearn.datasets import make_singers
from singerlearn.model_selection import NewSongFolds

try:
    import optuna
    from optuna.distributions import FloatDistribution, IntDistribution
    from optuna_integration import OptunaSearchCV
except ImportError as error:
    raise SystemExit(
        f"{error}; the search takes Optuna: pip install 'singerlearn[search]'"
    ) from error

SPACE = {
    "embedder__lr": FloatDistribution(1e-4, 1e-2, log=True),
    "embedder__dropout": FloatDistribution(0.0, 0.5),
    "embedder__batch_size": IntDistribution(8, 64, step=8),
    "embedder__n_components": IntDistribution(4, 64, log=True),
}
PAPER = {
    "embedder__lr": 1e-4,
    "embedder__dropout": 0.1,
    "embedder__batch_size": 32,
    "embedder__n_components": 16,
}


def search(X, singers, songs, *, n_trials, max_epochs, n_splits=2):
    """Return the fitted search; chunks are cut once, before it."""
    embedder = SingerEmbedder(
        loss="contrastive",
        stretches=(),
        synthetic_singers=0,
        filters=(8, 16),
        dense=(128,),  # after which there is something to drop
        max_epochs=max_epochs,
        random_state=0,
        verbose=0,
    )
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GPSampler(seed=0)
    )
    study.enqueue_trial(PAPER)
    return OptunaSearchCV(
        Pipeline([("embedder", embedder), ("nearest", KNeighborsClassifier(1))]),
        SPACE,
        cv=NewSongFolds(n_splits, songs=songs),
        n_trials=n_trials,
        study=study,
        callbacks=[tell],
        error_score="raise",
        verbose=0,
    ).fit(X, singers)


def tell(study, trial):
    """Print a trial when it is done."""
    print(
        f"{trial.number + 1:4d}: {trial.value:.3f}, {named(trial.params)}", flush=True
    )


def named(values):
    """Return values with their names in words."""
    return ", ".join(
        f"{name.removeprefix('embedder__')} {value:.4g}"
        for name, value in values.items()
    )


def main():
    """Search, and say what the best values are worth on songs kept for the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--trials",
        type=int,
        default=20,
        help="sets of values to try (default: %(default)s)",
    )
    parser.add_argument(
        "--singers",
        type=int,
        default=8,
        help="synthetic singers to make (default: %(default)s)",
    )
    parser.add_argument(
        "--max-epochs",
        type=int,
        default=10,
        help="epochs of each training (default: %(default)s)",
    )
    arguments = parser.parse_args()
    if arguments.singers < 2 or min(arguments.trials, arguments.max_epochs) < 1:
        parser.error("needs two singers, a trial and an epoch at least")
    # That the search is experimental, and takes from Optuna what is to go in version 6.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", "`optuna.terminator`", FutureWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    data = make_singers(
        arguments.singers,
        n_songs=6,
        duration=8.0,
        song_effect=2.0,  # or the singers would be told apart whatever the values
        n_jobs=-1,
        random_state=0,
    )
    chunks = MelChunker(n_jobs=-1).fit_transform(data.recordings)
    kept = np.isin(data.songs, ("song05", "song06"))
    searched = np.flatnonzero(~kept)
    found = search(
        [chunks[i] for i in searched],
        data.singers[searched],
        data.songs[searched],
        n_trials=arguments.trials,
        max_epochs=arguments.max_epochs,
    )
    score = found.score([chunks[i] for i in np.flatnonzero(kept)], data.singers[kept])
    print(f"best: {found.best_score_:.3f}, {named(found.best_params_)}")
    print(
        f"the same on the songs kept: {score:.3f} (chance {1 / arguments.singers:.3f})"
    )


if __name__ == "__main__":
    main()
