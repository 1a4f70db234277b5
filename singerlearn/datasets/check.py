"""Listen to every recording of a data set before a network does."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from singerlearn.audio import check_recordings, describe, map_in_threads, survey
from singerlearn.audio.recordings import without_path

KINDS = (
    "unreadable", "silent", "too short", "scale", "clipped", "offset", "duplicate",
)  # fmt: skip

# Floats go a little beyond full scale, where nothing is lost, but never so far.
OFF_SCALE = 100


class Fault(NamedTuple):
    """What is wrong with a recording: its place in the data set, the kind, in words."""

    index: int
    kind: str
    detail: str


@dataclass(frozen=True, eq=False)
class DatasetReport:
    """What is wrong with the recordings of a data set; printed, it is a table.

    Attributes
    ----------
    recordings : list
        Those that were read.
    faults : list of Fault
        ``(index, kind, detail)``, in the order of the recordings; of a recording that
        is unreadable or silent only that. The kinds are ``"unreadable"``,
        ``"silent"``, ``"too short"``, ``"scale"``: integers that have become floats
        without being brought to [-1, 1], ``"clipped"``, ``"offset"``: the samples do
        not lie around 0, and ``"duplicate"``: the same audio as an earlier recording.
    duration, sampling_rate, peak, clipped : ndarray of shape (n_recordings,)
        Seconds, Hz, the largest magnitude (full scale is 1) and the share of samples
        at full scale; NaN where a recording is unreadable.
    fingerprints : list of str or None
        The identity of the audio (`singerlearn.audio.survey`), for `audit_split`; None
        where a recording is unreadable.
    """

    recordings: list
    faults: list
    duration: np.ndarray
    sampling_rate: np.ndarray
    peak: np.ndarray
    clipped: np.ndarray
    fingerprints: list

    def leave_out(self, *kinds):
        """Return the places of recordings with a fault of these kinds.

        Parameters
        ----------
        *kinds : str
            Some of the kinds of faults; without any, all.

        Returns
        -------
        indices : ndarray of int
            Ascending.
        """
        unknown = set(kinds) - set(KINDS)
        if unknown:
            raise ValueError(
                f"unknown kinds of faults: {sorted(unknown)}; the kinds are {KINDS}"
            )
        kinds = kinds or KINDS
        at_fault = {fault.index for fault in self.faults if fault.kind in kinds}
        return np.array(sorted(at_fault), dtype=np.intp)

    def without(self, *kinds):
        """Return the places of all the others, for `singerlearn.datasets.take`."""
        return np.delete(np.arange(len(self.recordings)), self.leave_out(*kinds))

    def __str__(self):
        lines = [
            f"{len(self.recordings)} recordings, {np.nansum(self.duration) / 3600:.2f} "
            f"h; {len(self.leave_out())} with a fault"
        ]
        lines += [
            f"  {len(self.leave_out(kind)):>6} {kind}"
            for kind in KINDS
            if len(self.leave_out(kind))
        ]
        shown = self.faults[:20]
        names = [describe(fault.index, self.recordings[fault.index]) for fault in shown]
        width = max(map(len, names), default=0)
        lines += [
            f"{name:<{width}}  {fault.kind:<10}  {fault.detail}"
            for name, fault in zip(names, shown, strict=True)
        ]
        if len(self.faults) > len(shown):
            lines.append(f"and {len(self.faults) - len(shown)} more, in .faults")
        return "\n".join(lines)


def check_dataset(
    data, *, min_duration=1.0, max_clipped=0.001, max_offset=0.1, n_jobs=None
):
    """Read every recording and report what is wrong with some.

    Each is decoded once and none is kept. What takes longer than a few seconds shows
    its progress.

    Parameters
    ----------
    data : Bunch or list of recordings
        As the loaders return it; of a Bunch its ``recordings``, and its
        ``sampling_rate`` for waveforms that come without one (22050 Hz in a list).
    min_duration : float, default=1.0
        In seconds; what lasts less is too short.
    max_clipped : float, default=0.001
        Share of samples at full scale; with more a recording is clipped.
    max_offset : float, default=0.1
        Mean of the samples, as a share of their standard deviation; what lies further
        from 0 has an offset, which the lowest bands and hand-crafted features hear.
    n_jobs : int or None, default=None
        Recordings read at once, in threads.

    Returns
    -------
    DatasetReport

    Examples
    --------
    >>> from singerlearn.datasets import check_dataset, make_singers
    >>> data = make_singers(n_singers=2, n_songs=1, duration=2.0, random_state=0)
    >>> report = check_dataset([*data.recordings, data.recordings[0]])
    >>> print(report)
    3 recordings, 0.00 h; 1 with a fault
           1 duplicate
    recording 2  duplicate   same audio as recording 0
    >>> report.without()
    array([0, 1])
    """
    recordings = check_recordings(getattr(data, "recordings", data))
    sampling_rate = getattr(data, "sampling_rate", 22050)

    def read(recording):
        try:
            return survey(recording, sampling_rate)
        except (OSError, ValueError) as error:
            return without_path(error, recording)

    results = map_in_threads(read, recordings, n_jobs=n_jobs)
    bar = tqdm(results, total=len(recordings), desc="check", unit="recording", delay=3)
    surveys = list(bar)  # and, where there is none, the reason in words

    faults, first_with = [], {}
    for index, found in enumerate(surveys):
        faults += [
            Fault(index, kind, detail)
            for kind, detail in _faults(found, min_duration, max_clipped, max_offset)
        ]
        if isinstance(found, str) or found.is_silent:
            continue
        first = first_with.setdefault(found.fingerprint, index)
        if first != index:
            same = f"same audio as {describe(first, recordings[first])}"
            faults.append(Fault(index, "duplicate", same))

    def column(name):
        return np.array([getattr(found, name, np.nan) for found in surveys])

    return DatasetReport(
        recordings=recordings,
        faults=faults,
        duration=column("duration"),
        sampling_rate=column("sampling_rate"),
        peak=column("peak"),
        clipped=column("n_clipped") / column("n_samples"),
        fingerprints=[getattr(found, "fingerprint", None) for found in surveys],
    )


def _faults(found, min_duration, max_clipped, max_offset):
    """Iterate over kind and detail of what is wrong with one recording by itself."""
    if isinstance(found, str):
        yield "unreadable", found
    elif found.is_silent:
        yield "silent", f"{found.duration:.2f} s without anything to hear"
    else:
        if found.duration < min_duration:
            yield "too short", f"{found.duration:.2f} s, under {min_duration:g} s"
        clipped = found.n_clipped / found.n_samples
        if found.peak > OFF_SCALE:
            yield (
                "scale",
                f"peak {found.peak:.3g}, where full scale is 1: divide integers by "
                "theirs, 32768 of 16 bits",
            )
        elif clipped > max_clipped:
            yield (
                "clipped",
                f"{clipped:.2%} of the samples at full scale, peak {found.peak:.3g}",
            )
        if abs(found.offset) > max_offset * found.deviation:
            yield (
                "offset",
                f"samples lie around {found.offset:.3g} instead of 0, their deviation "
                f"is {found.deviation:.3g}: subtract their mean",
            )
