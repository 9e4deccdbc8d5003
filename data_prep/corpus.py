"""What every corpus loader does: find or fetch the recordings, and write a manifest of them."""

from __future__ import annotations

import urllib.request
import zipfile
from pathlib import Path

from data_prep import stages
from svs.dataset import write_manifest
from svs.mistakes import Mistake

SUFFIXES = {".wav", ".flac"}


class CorpusError(Mistake):
    """A corpus that is not where it was said to be, or cannot be fetched."""


class Corpus:
    """A corpus of recordings. Subclasses give `name`, `source` (a zip archive) and `clips`."""

    name: str
    source: str

    def clips(self, folder: Path) -> list[dict]:
        """Manifest entries with absolute `audio` paths, in a fixed order."""
        raise NotImplementedError

    def sounds(self, folder: Path) -> list[Path]:
        """Sound files of a folder by name. Raises CorpusError when there are none."""
        found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
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
        manifest = out / f"{self.name}.jsonl"
        write_manifest(manifest, [dict(clip, audio=str(Path(clip["audio"]).resolve())) for clip in self.clips(folder)])
        return manifest

    def fetch(self, folder: Path) -> Path:
        """Download and unpack the archive into `folder`, once; returns the folder with the recordings."""
        if not folder.is_dir():
            archive = folder.with_name(f"{folder.name}.zip.partial")
            unpacked = folder.with_name(f".{folder.name}.partial")
            try:
                self._download(archive)
                with zipfile.ZipFile(archive) as content:
                    content.extractall(unpacked)
            except (OSError, zipfile.BadZipFile) as error:
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
