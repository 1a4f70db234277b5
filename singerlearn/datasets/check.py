"""Check every recording of a data set before a network hears it."""

import sys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from singerlearn.audio import check_recordings, describe, map_in_threads, survey
from singerlearn.audio.recordings import without_path

KINDS = (
    "unreadable", "silent", "too short", "scale", "clipped", "offset", "duplicate",
)  # fmt: skip

# Floats may exceed full scale a little without any loss, but never this far.
OFF_SCALE = 100


class Fault(NamedTuple):
    """A fault: the recording's position in the data set, the kind, and details."""

    index: int
    kind: str
    detail: str


@dataclass(frozen=True, eq=False)
class DatasetReport:
    """What is wrong with the recordings of a data set; print it for a table.

    Attributes
    ----------
    recordings : list
        Those that were read.
    faults : list of Fault
        ``(index, kind, detail)``, in the order of the recordings. A recording that is
        unreadable or silent has no other fault. The kinds are ``"unreadable"``,
        ``"silent"``, ``"too short"``, ``"scale"`` (integers that have become floats
        without being scaled to [-1, 1]), ``"clipped"``, ``"offset"`` (the samples are
        not centred on 0) and ``"duplicate"`` (the same audio as an earlier recording).
    duration, sampling_rate, peak, clipped : ndarray of shape (n_recordings,)
        Seconds, Hz, the largest magnitude (full scale is 1) and the share of samples
        at full scale; NaN if a recording is unreadable.
    fingerprints : list of str or None
        The identity of the audio (`singerlearn.audio.survey`), for `audit_split`; None
        if a recording is unreadable.
    """

    recordings: list
    faults: list
    duration: np.ndarray
    sampling_rate: np.ndarray
    peak: np.ndarray
    clipped: np.ndarray
    fingerprints: list

    def leave_out(self, *kinds):
        """Return the positions of recordings with a fault of these kinds.

        Parameters
        ----------
        *kinds : str
            Some of the kinds of faults; all kinds if none are given.

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
        """Return the positions of all the others, for `singerlearn.datasets.take`."""
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
    """Read every recording and report faults.

    Each is decoded once and none is kept in memory. A check that takes longer than a
    few seconds shows its progress.

    Parameters
    ----------
    data : Bunch or list of recordings
        As the loaders return it. Waveforms that come without a rate have the
        ``sampling_rate`` of the Bunch, or 22050 Hz in a list.
    min_duration : float, default=1.0
        In seconds; shorter recordings count as too short.
    max_clipped : float, default=0.001
        Share of samples at full scale; with more, a recording counts as clipped.
    max_offset : float, default=0.1
        Mean of the samples, as a share of their standard deviation. If it is further
        from 0, the recording has an offset, which affects the lowest bands and the
        hand-crafted features.
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
    bar = tqdm(
        results,
        total=len(recordings),
        desc="check",
        unit="recording",
        delay=3,
        disable=sys.stderr is None,  # without a console
    )
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
