"""kill -9 at random moments of singing, preparation and training: nothing is truncated, and the same command goes on.

  python -m benchmarks.crash --tries 50

A job runs in a process of its own, is killed at a moment drawn from how long it takes, and what it has left on disk is
checked: files under their names are whole, everything else is hidden. Then the same job is started again, until it ends
by itself; its results must be those of a job that was never killed, byte for byte (of training: weight for weight).
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT, parser, print_table, say

SONG = ROOT / "assets" / "scores" / "row_your_boat.musicxml"
BATCHES, EVERY = 12, 3


class CrashError(AssertionError):
    """Something that a killed job has left is not whole, or the job did not go on."""


@dataclass(frozen=True)
class Job:
    """run: the work, in a folder; the same call goes on with it. check: raises CrashError of what is not whole there.

    result: what was made, to be compared.
    """

    run: Callable[[Path], None]
    check: Callable[[Path], None]
    result: Callable[[Path], object]


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--tries", type=int, default=50, help="kills, for each job")
    options.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    options.add_argument("--seed", type=int, default=0, help="of the moments")
    options = options.parse_args(arguments)
    rows = [[name, *kill(JOBS[name], options.tries, random.Random(options.seed))] for name in options.jobs]
    print_table(["job", "kills", "of them in the midst", "runs that ended", "seconds a run", "hidden files left"], rows)


def kill(job: Job, tries: int, moments: random.Random) -> tuple[int, int, int, float, int]:
    """(kills, kills that met the job at work, runs that ended with the right result, seconds of a run, files left)."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        began = time.monotonic()
        if _start_and_wait(job, whole) != 0:
            raise CrashError("the job fails when nobody kills it; --jobs with SVS_TRACEBACK=1 shows where")
        seconds = time.monotonic() - began
        job.check(whole)
        wanted = job.result(whole)
        killed = met = ended = left = 0
        while killed < tries:
            folder = Path(scratch) / "killed"
            folder.mkdir()
            while killed < tries:
                child = _start(job, folder)
                time.sleep(moments.uniform(0.0, seconds))
                os.kill(child, signal.SIGKILL)
                status = os.waitpid(child, 0)[1]
                killed += 1
                job.check(folder)
                left += sum(path.name.startswith(".") for path in folder.rglob("*") if path.is_file())
                if not os.WIFSIGNALED(status):
                    break
                met += 1
            if _start_and_wait(job, folder) != 0:
                raise CrashError(f"kill {killed}: the job does not go on")
            job.check(folder)
            if not _same(job.result(folder), wanted):
                raise CrashError(f"kill {killed}: the result is not that of a job that was never killed")
            ended += 1
            shutil.rmtree(folder)
    return killed, met, ended, seconds, left


def _start(job: Job, folder: Path) -> int:
    """The job in a process of its own, by fork, so that it need not import anything anew."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        errors = os.dup(2)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        job.run(folder)
        status = 0
    except BaseException:
        if os.environ.get("SVS_TRACEBACK"):
            import traceback

            os.write(errors, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _start_and_wait(job: Job, folder: Path) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(_start(job, folder), 0)[1])


def _same(one, other) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool((one == other).all()) if hasattr(one, "all") else one == other


def _files(folder: Path, *patterns: str) -> dict[str, bytes]:
    paths = sorted(path for pattern in patterns for path in folder.rglob(pattern) if not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# Singing ----------------------------------------------------------------------------------------------------------


def _sing(folder: Path) -> None:
    from svs.cli import app

    os.environ["SVS_CACHE"] = str(folder / "cache")
    arguments = [str(SONG), "--voice", str(_voice()), "-o", str(folder / "song.wav"), "--seed", "3"]
    app(["sing", *arguments], prog_name="svs", standalone_mode=False)


def _voice() -> Path:
    """The tiny test voice, made once for this process and those it forks."""
    from tests.tiny_voices import write_voice

    if "folder" not in _MADE:
        _MADE["folder"] = tempfile.TemporaryDirectory()
        write_voice(Path(_MADE["folder"].name) / "voice")
    return Path(_MADE["folder"].name) / "voice"


_MADE: dict = {}


def _check_song(folder: Path) -> None:
    import numpy as np

    from svs.audio import Audio, AudioError

    try:
        if (folder / "song.wav").exists():
            Audio.read(folder / "song.wav")
        if (folder / "song.json").exists():
            json.loads((folder / "song.json").read_text())
        for path in folder.glob("cache/*.npy"):
            np.load(path)
    except (AudioError, ValueError, EOFError) as error:
        raise CrashError(f"truncated: {error}") from None


# Preparation ------------------------------------------------------------------------------------------------------


def _prepare(folder: Path) -> None:
    import torch

    from data_prep.features import build
    from svs.codec.source_filter import SourceFilterNetwork
    from svs.dataset import Shard, build_latents, has_latents
    from tests.tiny_corpus import CODEC, FewClips

    manifest = folder / "synthetic.jsonl"
    if not manifest.exists():
        FewClips().prepare(folder)
    build("synthetic", manifest, folder / "features")
    torch.manual_seed(0)
    network, shard = SourceFilterNetwork(**CODEC).eval(), Shard.open(folder / "features" / "synthetic")
    if not has_latents(shard, network):
        build_latents(shard, network)


def _check_shard(folder: Path) -> None:
    import numpy as np

    from svs.dataset import ENCODER, DatasetError, Shard, read_manifest

    try:
        if (folder / "synthetic.jsonl").exists():
            for clip in read_manifest(folder / "synthetic.jsonl"):
                if not Path(clip["audio"]).is_file():
                    raise CrashError(f"the manifest names {clip['audio']}, which is not there")
        for path in (folder / "features").rglob("*.np[yz]"):
            if not path.name.startswith("."):
                np.load(path)
        shard_folder = folder / "features" / "synthetic"
        if (shard_folder / "clips.jsonl").exists():
            shard = Shard.open(shard_folder)
            frames = sum(clip["frames"] for clip in shard.clips)
            if len(shard.cents) != 2 * frames or len(shard.voiced) != 2 * frames:
                raise CrashError("index and arrays of a shard are of two builds")
            if (shard_folder / ENCODER).exists() and len(shard.latents()) != frames:
                raise CrashError("latents are not of this shard")
    except (DatasetError, ValueError, EOFError, OSError) as error:
        raise CrashError(f"truncated: {error}") from None


def _prepared(folder: Path) -> dict:
    made = _files(folder / "features", "*.npy", "*.txt")
    index = (folder / "features/synthetic/clips.jsonl").read_text().replace(str(folder.resolve()), "")
    return made | {"index": index}


# Training ---------------------------------------------------------------------------------------------------------


def _training(make: Callable[[Path], tuple]) -> Job:
    def run(folder: Path) -> None:
        from svs.checkpoints import LAST, TRAINED, RunCheckpoint
        from tests.tiny_corpus import fit

        if not (folder / TRAINED).exists():
            last = str(folder / LAST) if (folder / LAST).exists() else None
            fit(*make(_features()), BATCHES, RunCheckpoint(str(folder), EVERY), resume=last)

    return Job(run, _check_checkpoints, _weights)


def _features() -> Path:
    from tests.tiny_corpus import write_features

    if "features" not in _MADE:
        _MADE["corpus"] = tempfile.TemporaryDirectory()
        _MADE["features"] = write_features(Path(_MADE["corpus"].name))
    return _MADE["features"]


def _codec(features: Path) -> tuple:
    from svs.batches import CodecBatches
    from svs.training import CodecTraining
    from tests.tiny_corpus import CODEC, HELDOUT

    model = CodecTraining(steps=BATCHES, **CODEC, adversarial_from=4, discriminator_channels=4)
    return model, CodecBatches(str(features), {"synthetic": 1.0}, HELDOUT, batch_size=2, frames=20)


def _acoustic(features: Path) -> tuple:
    from svs.batches import AcousticBatches
    from svs.training import AcousticTraining
    from tests.tiny_corpus import ACOUSTIC, HELDOUT, TABLES

    model = AcousticTraining(steps=BATCHES, **TABLES, **ACOUSTIC)
    return model, AcousticBatches(str(features), {"synthetic": 1.0}, **TABLES, heldout=HELDOUT, batch_size=2, frames=20)


def _timing(features: Path) -> tuple:
    from svs.batches import TimingBatches
    from svs.training import TimingTraining
    from tests.tiny_corpus import HELDOUT, TABLES

    model = TimingTraining(steps=BATCHES, **TABLES, hidden=8)
    return model, TimingBatches(str(features), ["synthetic"], **TABLES, heldout=HELDOUT, batch_size=8)


def _check_checkpoints(folder: Path) -> None:
    import torch

    for path in folder.glob("*.ckpt"):
        try:
            torch.load(path, weights_only=True)
        except Exception as error:  # whatever the bytes of a truncated file lead to
            raise CrashError(f"{path.name}: truncated ({error})") from None


def _weights(folder: Path) -> dict:
    import torch

    from svs.checkpoints import TRAINED

    return torch.load(folder / TRAINED, weights_only=True)["state_dict"]


JOBS = {
    "sing": Job(_sing, _check_song, lambda folder: _files(folder, "*.wav", "*.json", "*.npy")),
    "prepare": Job(_prepare, _check_shard, _prepared),
    "train codec": _training(_codec),
    "train acoustic": _training(_acoustic),
    "train timing": _training(_timing),
}


def warm() -> None:
    """Import, and make what jobs share, before anything is forked; one thread, since threads do not survive a fork."""
    import torch

    torch.set_num_threads(1)
    _voice()
    _features()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        _sing(Path(folder))
    importlib.import_module("svs.training")


if __name__ == "__main__":
    say("warming up")
    warm()
    main()
