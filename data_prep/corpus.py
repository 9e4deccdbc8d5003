"""What every corpus loader does: find or fetch the recordings, and write a manifest of them."""

from __future__ import annotations

import hashlib
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

from data_prep import stages
from svs.dataset import write_manifest
from svs.mistakes import Mistake

SUFFIXES = {".wav", ".flac"}
UNKNOWN = "svs has no phone for "  # begins the reason why a clip is unlabelled, before the symbols


class CorpusError(Mistake):
    """A corpus that is not where it was said to be, or cannot be fetched."""


class Corpus:
    """A corpus of recordings. Subclasses give `name`, `source` and `clips`.

    source: address of a .zip or .tar archive; of the page where one asks for it when `gated` is set.
    gated: how to come by the recordings where their publisher wants to be asked; nothing is downloaded then.
    checksum: "sha256:…" or "md5:…" of the archive, which is refused when it differs.
    licence, citation: as the publisher has them.
    """

    name: str
    source: str
    gated: str = ""
    checksum: str = ""
    licence: str = ""
    citation: str = ""

    def clips(self, folder: Path) -> list[dict]:
        """Manifest entries with absolute `audio` paths, in a fixed order."""
        raise NotImplementedError

    def readable(self, folder: Path, out: Path) -> Path:
        """The folder that `clips` reads. Corpora whose sound is in a format of its own convert it into `out`."""
        return folder

    def sounds(self, folder: Path, pattern: str = "*") -> list[Path]:
        """Sound files of a folder by name. Raises CorpusError when there are none."""
        found = (
            sorted(path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
        )
        if not found:
            raise CorpusError(f"{folder}: no .wav or .flac files there; {self.name} was expected, from {self.source}")
        return found

    def prepare(self, out, source=None) -> Path:
        """Write <out>/<name>.jsonl and return its path.

        source: folder that holds the recordings already; fetched into <out>/<name> when None.
        """
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        folder = Path(source) if source else self.fetch(out / self.name)
        clips = self.clips(self.readable(folder, out))
        manifest = out / f"{self.name}.jsonl"
        write_manifest(manifest, [dict(clip, audio=str(Path(clip["audio"]).resolve())) for clip in clips])
        if line := left_over(self.name, clips):
            print(line, file=sys.stderr)
        return manifest

    def fetch(self, folder: Path) -> Path:
        """Download and unpack the archive into `folder`, once; returns the folder with the recordings."""
        if self.gated and not folder.is_dir():
            raise CorpusError(
                f"{self.name} is not downloaded by itself: {self.gated}; unpack it into a folder called "
                f"{self.name} and name the folder around that with --source"
            )
        if not folder.is_dir():
            archive = folder.with_name(f"{folder.name}.archive.partial")
            unpacked = folder.with_name(f".{folder.name}.partial")
            try:
                self._download(archive)
                self._check(archive)
                unpack(archive, unpacked)
            except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
                raise CorpusError(
                    f"{self.name}: {self.source} cannot be fetched ({error}); unpack it elsewhere into a folder called "
                    f"{self.name} and name the folder around that with --source"
                ) from None
            unpacked.rename(folder)
            archive.unlink()
        inner = [path for path in folder.iterdir() if path.is_dir()]
        return inner[0] if len(inner) == 1 else folder

    def _download(self, archive: Path) -> None:
        with urllib.request.urlopen(self.source, timeout=60) as response, stages.bar(self.name) as progress:
            size = int(response.headers.get("Content-Length") or 0)
            with archive.open("wb") as out:
                while block := response.read(1 << 20):
                    out.write(block)
                    progress(out.tell() >> 20, max(size, out.tell()) >> 20)  # megabytes

    def _check(self, archive: Path) -> None:
        method, _, wanted = (self.checksum or "sha256:").partition(":")
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, method).hexdigest()
        if wanted and found != wanted:
            archive.unlink()
            raise CorpusError(f"{self.name}: {self.source} has the {method} {found}, but {wanted} was expected")
        if not wanted:
            print(
                f"{self.name}: no checksum of it is known here; the {method} of this download is {found}",
                file=sys.stderr,
            )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar archive; nothing may lie outside `folder`. Raises OSError, BadZipFile, TarError."""
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
    else:
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder)


def left_over(name: str, clips: list[dict]) -> str:
    """One line about clips that stay without phones: the symbols that svs lacks, or the first one's reason; or ""."""
    reasons = {clip["id"]: clip["unlabelled"] for clip in clips if "unlabelled" in clip}
    if not reasons:
        return ""
    unknown = {
        symbol for reason in reasons.values() if reason.startswith(UNKNOWN) for symbol in reason[len(UNKNOWN) :].split()
    }
    first = f"{UNKNOWN}{' '.join(sorted(unknown))}" if unknown else ": ".join(next(iter(reasons.items())))
    return f"{name}: {len(reasons)} of {len(clips)} clips are left without phones; {first}"
