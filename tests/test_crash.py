"""Killed at any moment, on a full disk, in a folder that cannot be written: what is under its name is whole."""

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_voices import CODEC, write_voice

from svs import audio
from svs.audio import Audio, AudioError, write_atomically

ROOT = Path(__file__).parent.parent
SONG = ROOT / "assets" / "scores" / "row_your_boat.musicxml"
FULL = 20_000  # bytes that a file may have where the disk is full


@pytest.fixture
def full():
    """No file can grow beyond FULL bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def svs(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "svs", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, **options)


# Killed --------------------------------------------------------------------------------------------------------------


def test_killed_jobs_leave_nothing_truncated_and_end_where_they_would_have():
    """Singing, preparation and three trainings, each killed twice; the weights are the same bit for bit."""
    command = [sys.executable, "-m", "benchmarks.crash", "--tries", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert process.returncode == 0, process.stderr[-2000:]
    rows = [line.split("|") for line in process.stdout.splitlines()[2:]]
    jobs = [row[1].strip() for row in rows]
    assert jobs == ["sing", "prepare", "train codec", "train acoustic", "train timing"]
    assert all(int(row[2]) == 2 and int(row[4]) >= 1 for row in rows)


def test_the_check_after_a_kill_sees_what_is_truncated(tmp_path):
    from benchmarks import crash

    Audio(np.zeros(9000, np.float32), 44_100).write(tmp_path / "song.wav")
    crash._check_song(tmp_path)
    (tmp_path / "song.wav").write_bytes((tmp_path / "song.wav").read_bytes()[:20])
    with pytest.raises(crash.CrashError, match="truncated"):
        crash._check_song(tmp_path)
    (tmp_path / "last.ckpt").write_bytes(b"PK\3\4")
    with pytest.raises(crash.CrashError, match=r"last\.ckpt"):
        crash._check_checkpoints(tmp_path)


def test_a_job_that_writes_in_place_is_found_out(tmp_path):
    from benchmarks import crash

    def run(folder):
        with open(folder / "song.json", "w") as file:
            for _ in range(300):
                file.write('"half a text')
                file.flush()
                time.sleep(1e-3)  # long enough to be killed in, on a busy machine too
            file.seek(0)
            file.truncate()
            file.write("{}")

    job = crash.Job(run, crash._check_song, lambda folder: (folder / "song.json").read_text())
    with pytest.raises(crash.CrashError, match="truncated"):
        crash.kill(job, 200, random.Random(0))


def killed_write(path):
    """A process that is killed as it writes to a path; returns the hidden file that it left."""
    code = (
        "import os, signal, sys; from svs.audio import write_atomically\n"
        "def save(temporary):\n"
        "    open(temporary, 'w').write('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(sys.argv[1], save)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT).returncode == -9
    (left,) = path.parent.iterdir()
    return left


def test_what_a_killed_write_leaves_is_hidden_and_goes_with_the_next(tmp_path):
    left = killed_write(tmp_path / "song.txt")
    assert left.name.startswith(".song.txt.") and left.suffix == ".part"
    write_atomically(tmp_path / "song.txt", lambda temporary: Path(temporary).write_text("fresh"))
    assert left.exists()  # it may be that of a writer who is about to lock it
    os.utime(left, (0, 0))
    (tmp_path / ".song.txt.mine").write_text("a user's own")
    write_atomically(tmp_path / "song.txt", lambda temporary: Path(temporary).write_text("whole"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".song.txt.mine", "song.txt"]
    assert (tmp_path / "song.txt").read_text() == "whole"


def test_phrases_that_a_killed_render_left_half_are_swept_from_the_cache(tmp_path):
    from svs.cache import PhraseCache

    left = killed_write(tmp_path / "old.npy")
    os.utime(left, (0, 0))
    PhraseCache(tmp_path).keep("new", np.zeros(9, np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["new.npy"]


def test_what_another_process_still_writes_is_left_alone(tmp_path):
    path = tmp_path / "song.txt"

    def save(temporary):
        Path(temporary).write_text("slow")
        os.utime(temporary, (0, 0))
        write = "write_atomically(sys.argv[1], lambda temporary: open(temporary, 'w').write('quick'))"
        code = f"import sys; from svs.audio import write_atomically; {write}"
        subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=True)
        assert path.read_text() == "quick"

    write_atomically(path, save)
    assert path.read_text() == "slow" and list(tmp_path.iterdir()) == [path]


# Full disks and folders that cannot be written -----------------------------------------------------------------------


def test_a_full_disk_ends_singing_in_one_line_and_leaves_nothing(tmp_path):
    voice = write_voice(tmp_path / "voice")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "song.wav").write_bytes(b"of before")

    def little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))

    done = svs("sing", SONG, "--voice", voice, "-o", tmp_path / "out" / "song.wav", "--no-cache", preexec_fn=little)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "cannot be written" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["song.wav"]
    assert (tmp_path / "out" / "song.wav").read_bytes() == b"of before"


def test_a_full_disk_spoils_no_file_that_was_there(tmp_path, full, features):
    from svs.cache import PhraseCache
    from svs.codec import save_network
    from svs.codec.source_filter import SourceFilterNetwork
    from svs.dataset import Shard, _save, build_shard, write_manifest

    def kept(name, write, kind=ValueError):
        (tmp_path / name).write_bytes(b"of before")
        with pytest.raises(kind) as caught:
            write(tmp_path / name)
        assert "cannot be written" in str(caught.value) and "\n" not in str(caught.value)
        assert (tmp_path / name).read_bytes() == b"of before"

    kept("codec.safetensors", lambda path: save_network(SourceFilterNetwork(**CODEC), path))
    kept("manifest.jsonl", lambda path: write_manifest(path, [{"id": "x" * 100}] * 1000), AudioError)
    kept("clips.npy", lambda path: _save(path, np.save, np.zeros(9999)), AudioError)
    kept("song.wav", lambda path: Audio(np.zeros(FULL, np.float32), 44_100).write(path), AudioError)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl", ".npy", ".safetensors", ".wav"]
    cache = PhraseCache(tmp_path / "cache")
    cache.keep("key", np.zeros(FULL, np.float32))
    assert cache.find("key", FULL) is None and not list((tmp_path / "cache").iterdir())
    shard = Shard.open(features / "synthetic")
    clips = [{key: clip[key] for key in ("id", "speaker", "audio")} for clip in shard.clips]
    with pytest.raises(AudioError, match="cannot be written"):
        build_shard(clips, tmp_path / "shard")


def test_a_full_disk_ends_training_in_one_line_and_keeps_the_last_checkpoint(tmp_path, features):
    from tiny_corpus import fit

    from benchmarks.crash import _timing
    from svs.checkpoints import RunCheckpoint

    fit(*_timing(features), 3, run := RunCheckpoint(str(tmp_path), 1))
    assert run.trained.exists()
    whole = run.trained.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(AudioError, match=r"trained\.ckpt: cannot be written"):
            fit(*_timing(features), 1, RunCheckpoint(str(tmp_path), 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.trained.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["trained.ckpt"]


@pytest.fixture
def read_only(tmp_path):
    """A folder that cannot be written, whoever asks: a mount, since permissions do not bind root."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", folder], capture_output=True)
    if mount.returncode:
        pytest.skip("root may write everywhere, and this system lets it mount nothing")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_read_only_folder_is_told_before_anything_is_sung(read_only):
    done = svs("sing", SONG, "-o", read_only / "song.wav")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "cannot be written" in done.stderr
    with pytest.raises(AudioError, match="cannot be written"):
        write_atomically(read_only / "song.wav", lambda temporary: None)


def test_names_that_no_file_can_have_are_told_in_one_line(tmp_path):
    for name in ("x" * 300 + ".wav", "none/song.wav", "song.wav/song.wav"):
        (tmp_path / "song.wav").touch()
        done = svs("sing", SONG, "-o", tmp_path / name)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_take_is_whole_json_or_is_not_there(tmp_path, monkeypatch):
    from svs import cli

    Audio(np.zeros(9, np.float32), 44_100).write(tmp_path / "song.wav")
    monkeypatch.setattr(audio.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(AudioError, match="No space left"):
        cli._write_beside(tmp_path / "song.wav", {"notes": []})
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_a_sound_whose_take_was_not_written_any_more_is_told_from_the_one_before(tmp_path):
    """Singing that is killed between the two files: the sound is of this time, the take of the last."""
    from svs.evaluator import Against, EvaluationError, evaluate_file

    voice, song = write_voice(tmp_path / "voice"), tmp_path / "song.wav"
    sing = ["sing", str(SONG), "-o", str(song), "--voice", str(voice), "--no-cache"]
    assert svs(*sing).returncode == 0
    evaluate_file(song, Against(take=song.with_suffix(".json"), own=True))
    before = song.read_bytes(), song.with_suffix(".json").read_bytes()
    killed = (
        "import os, signal, sys; from svs import cli\n"
        "cli._write_beside = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", killed, *sing, "--seed", "5"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == -9
    assert song.read_bytes() != before[0] and song.with_suffix(".json").read_bytes() == before[1]
    with pytest.raises(EvaluationError, match=r"is not the sound that song\.json was written with.*stopped between"):
        evaluate_file(song, Against(take=song.with_suffix(".json"), own=True))
