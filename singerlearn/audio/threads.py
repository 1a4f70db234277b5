"""Process several recordings at once, in threads that end before the call does."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

from joblib import effective_n_jobs


def map_in_threads(function, *iterables, n_jobs=None):
    """Iterate over what a function returns for each recording, in their order.

    Threads are used, not processes: decoding, resampling and transforms release the
    GIL. If a call fails, or the keyboard interrupts, pending calls are cancelled and
    running ones awaited: a thread that decodes while the interpreter ends would crash.
    Threads run no further ahead than a few recordings, so that results which are used
    one by one do not pile up.

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
    pending = deque()
    try:
        for arguments in zip(*iterables, strict=False):  # one may count endlessly
            pending.append(pool.submit(function, *arguments))
            if len(pending) > 4 * n_threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
