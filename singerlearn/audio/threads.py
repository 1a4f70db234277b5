"""Process several recordings at once, in threads that end before the call does."""

from concurrent.futures import ThreadPoolExecutor

from joblib import effective_n_jobs


def map_in_threads(function, *iterables, n_jobs=None):
    """Iterate over what a function returns for each recording, in their order.

    Threads are used, not processes: decoding, resampling and transforms release the
    GIL. If a call fails, or the keyboard interrupts, pending calls are cancelled and
    running ones awaited: a thread that decodes while the interpreter ends would crash.

    Parameters
    ----------
    function : callable
    *iterables
        Its arguments.
    n_jobs : int or None, default=None
        Threads, as joblib counts them.

    Yields
    ------
    object
        What the function returns.
    """
    n_threads = effective_n_jobs(n_jobs)
    if n_threads == 1:
        yield from map(function, *iterables)
        return
    pool = ThreadPoolExecutor(n_threads)
    try:
        yield from pool.map(function, *iterables)
    finally:
        pool.shutdown(cancel_futures=True)
