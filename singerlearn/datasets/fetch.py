"""Download the open data sets, from their authors' archives on Zenodo."""

import os
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

ZENODO = "https://zenodo.org/records"


@dataclass(frozen=True)
class Archive:
    """A zip file as its authors published it: record, name, bytes and checksum."""

    record: int
    file: str
    size: int
    md5: str

    def __str__(self):
        return f"{self.file} ({self.size / 1e9:.2f} GB, md5 {self.md5})"


# The same record has VocalSet1-2.zip, 6 GB: the recordings again for each order that
# they are sorted in. This one holds them once, by singer.
VOCALSET = Archive(
    1442513, "VocalSet11.zip", 2_077_243_579, "0c09396242f946e7111ad7d8fc649b81"
)
RAVDESS_SONG = Archive(
    1188976,
    "Audio_Song_Actors_01-24.zip",
    225_505_317,
    "5411230427d67a21e18aa4d466e6d1b9",
)


def fetch_vocalset(data_home=None, *, base_url=ZENODO):
    """Download VocalSet, unless it is already there, and return its folder.

    2.1 GB, and 2.5 GB when unpacked: 10.1 hours of 20 singers. Licence CC BY 4.0. An
    interrupted download is resumed by the next call. The archive stays beside the
    folder and may be removed.

    Needs pooch: ``pip install 'singerlearn[fetch]'``.

    Parameters
    ----------
    data_home : str or Path, default=None
        Folder for archive and recordings; by default ``singerlearn`` in the user's
        folder for caches (on Linux ``~/.cache/singerlearn``).
    base_url : str, default="https://zenodo.org/records"
        Where the archive's records are: a mirror, for instance.

    Returns
    -------
    folder : Path
        For `load_vocalset`.

    Raises
    ------
    ConnectionError
        If the archive cannot be reached; the message says how to get it by hand.
    ValueError
        If the downloaded file is not what the authors published.
    ImportError
        If pooch is missing.

    Examples
    --------
    >>> from singerlearn.datasets import fetch_vocalset, load_vocalset
    >>> data = load_vocalset(fetch_vocalset())  # doctest: +SKIP
    """
    return _fetch(VOCALSET, "vocalset", data_home, base_url)


def fetch_ravdess_song(data_home=None, *, base_url=ZENODO):
    """Download the song files of RAVDESS, unless already there; return their folder.

    0.23 GB, and twice as much when unpacked: 23 singers. Licence CC BY-NC-SA 4.0.
    Otherwise the same as `fetch_vocalset`.

    Parameters
    ----------
    data_home : str or Path, default=None
        Folder for archive and recordings; by default ``singerlearn`` in the user's
        folder for caches (on Linux ``~/.cache/singerlearn``).
    base_url : str, default="https://zenodo.org/records"
        Where the archive's records are: a mirror, for instance.

    Returns
    -------
    folder : Path
        For `load_ravdess_song`.

    Raises
    ------
    ConnectionError, ValueError, ImportError
        As for `fetch_vocalset`.

    Examples
    --------
    >>> from singerlearn.datasets import fetch_ravdess_song, load_ravdess_song
    >>> data = load_ravdess_song(fetch_ravdess_song())  # doctest: +SKIP
    """
    return _fetch(RAVDESS_SONG, "ravdess_song", data_home, base_url)


def _fetch(archive, name, data_home, base_url):
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "downloading needs pooch: pip install 'singerlearn[fetch]'"
        ) from error
    home = Path(data_home or pooch.os_cache("singerlearn")).expanduser()
    folder = home / name
    # The folder gets its final name only when it is complete.
    if not folder.is_dir():
        _download(archive, home, f"{base_url}/{archive.record}")
        _unpack(home / archive.file, folder)
    return folder


def _download(archive, home, page):
    """Put the archive into `home`, unless it is already there and complete."""
    import pooch
    import requests

    url = f"{page}/files/{archive.file}"
    part = home / f"{archive.file}.part"
    try:
        pooch.retrieve(
            url,
            known_hash=f"md5:{archive.md5}",
            fname=archive.file,
            path=home,
            downloader=_Resuming(part, archive.size),
        )
    except requests.RequestException as error:
        here = part.stat().st_size / 1e9 if part.exists() else 0
        raise ConnectionError(
            f"cannot download {url} ({error}); ask again, and it goes on from the "
            f"{here:.2f} GB that are here, or get {archive} by hand from {page}, put "
            f"it into {str(home)!r} and ask again"
        ) from error


class _Resuming:
    """Downloader for pooch that resumes; pooch's own would start from scratch.

    Parameters
    ----------
    part : Path
        Holds what has arrived until the file is complete.
    size : int
        Bytes of the complete file.
    """

    def __init__(self, part, size):
        self.part = part
        self.size = size

    def __call__(self, url, output_file, pooch):
        import requests

        if self._here() < self.size:
            self._append(url)
        if self._here() < self.size:
            raise requests.ConnectionError(
                f"the connection closed after {self._here()} of {self.size} bytes"
            )
        os.replace(self.part, output_file)  # pooch judges it by its checksum

    def _here(self):
        return self.part.stat().st_size if self.part.exists() else 0

    def _append(self, url):
        import requests

        here = self._here()
        headers = {"User-Agent": "singerlearn", "Accept-Encoding": "identity"}
        if here:
            headers["Range"] = f"bytes={here}-"
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                here = 0  # the server sends the whole file, whatever was asked for
            with (
                self.part.open("ab" if here else "wb") as file,
                tqdm(
                    desc=self.part.stem,
                    initial=here,
                    total=self.size,
                    unit="B",
                    unit_scale=True,
                    disable=sys.stderr is None,  # without a console
                ) as bar,
            ):
                # If the connection breaks, an incomplete block is lost.
                for block in response.iter_content(2**16):
                    file.write(block)
                    bar.update(len(block))


def _unpack(path, folder):
    """Unpack a zip file, all of it or nothing."""
    unfinished = folder.with_name(f"{folder.name}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    inside = unfinished.resolve()
    with zipfile.ZipFile(path) as archive:
        # A Mac's archive holds a shadow of each file.
        members = [m for m in archive.infolist() if not m.filename.startswith("__MAC")]
        for member in members:
            if not (inside / member.filename).resolve().is_relative_to(inside):
                raise ValueError(
                    f"{str(path)!r} would write {member.filename!r} outside of "
                    f"{str(folder)!r}; nothing was unpacked"
                )
        bar = tqdm(
            members, desc=f"unpack {path.name}", delay=3, disable=sys.stderr is None
        )
        for member in bar:
            archive.extract(member, unfinished)
    unfinished.rename(folder)
