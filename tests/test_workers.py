"""A stage's work spread over processes or a Ray cluster: the same bytes as from one process, and the same mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_corpus import CODEC, FewClips

from data_prep import workers
from svs.audio import Audio
from svs.dataset import DatasetError, write_manifest

ROOT = Path(__file__).parent.parent
SECONDS = 600  # a Ray takes ten to start on a machine that does nothing else
SPREADS = {
    "two processes": ["--workers", "2"],
    "Ray": ["--workers", "2", "--ray=local"],
}


def stage(name, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", f"data_prep.{name}", *map(str, arguments)]
    kept = {"capture_output": True, "text": True, "check": False}
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=SECONDS, **kept)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Folder with synthetic.jsonl, codec.safetensors and features/, which one process has made."""
    import torch

    from svs.codec import save_network
    from svs.codec.source_filter import SourceFilterNetwork

    folder = tmp_path_factory.mktemp("spread")
    FewClips().prepare(folder)
    torch.manual_seed(0)
    save_network(SourceFilterNetwork(**CODEC), folder / "codec.safetensors")
    make(folder, folder / "features")
    return folder


def make(corpus, out, *spread):
    for done in (
        stage("features", f"synthetic={corpus}/synthetic.jsonl", "--out", out, *spread),
        stage("latents", out / "synthetic", "--codec", corpus / "codec.safetensors", *spread),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("spread", SPREADS)
def test_features_and_latents_are_the_same_bytes_however_they_are_spread(spread, corpus, tmp_path):
    if spread == "Ray":
        pytest.importorskip("ray", reason="Ray is not installed; pip install '.[cluster]' brings it")
    make(corpus, tmp_path, *SPREADS[spread])
    one, many = files(corpus / "features"), files(tmp_path)
    assert one.keys() == many.keys() and len(one) == 5 + 4 + 3  # clips; audio, cents, voiced, index; latents and theirs
    assert [name for name in one if one[name] != many[name]] == []


def test_a_clip_that_cannot_be_read_is_told_by_the_pool_as_by_one_process(tmp_path):
    Audio(np.zeros(44_100, np.float32), 44_100).write(tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_bytes(b"RIFF and no more")
    clips = [{"id": name, "speaker": "ann", "audio": f"{name}.wav"} for name in ("good", "bad")]
    write_manifest(tmp_path / "some.jsonl", clips)
    said = []
    for spread in ([], SPREADS["two processes"]):
        done = stage("features", f"some={tmp_path}/some.jsonl", "--out", tmp_path / "features", *spread)
        assert (done.returncode, done.stdout) == (2, "")
        said.append(done.stderr)
    assert said[0] == said[1] and len(said[0].splitlines()) == 1
    assert f"{tmp_path}/bad.wav: not a sound file that can be read" in said[0]
    assert not (tmp_path / "features/some/clips.jsonl").exists()


def halved(number):
    if number == 3:
        raise DatasetError("three is odd")
    return number / 2, os.getpid()


@pytest.mark.parametrize("spread", SPREADS)
def test_results_come_in_order_from_elsewhere_and_mistakes_as_they_were(spread):
    if spread == "Ray":
        pytest.importorskip("ray", reason="Ray is not installed; pip install '.[cluster]' brings it")
    with workers.over(2, workers.LOCAL if spread == "Ray" else None) as over:
        results = list(over(halved, [0, 8, 2, 4] * 5))
        with pytest.raises(DatasetError, match="^three is odd$"):
            list(over(halved, [2, 3, 4]))
    assert [half for half, _ in results] == [0, 4, 1, 2] * 5
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_is_this_process_itself():
    with workers.over() as over:
        assert over is map


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "1.5"])
def test_a_number_of_workers_that_cannot_be_is_told(wanted, tmp_path):
    done = stage("features", "a=a.jsonl", "--out", tmp_path, f"--workers={wanted}")
    assert done.returncode == 2
    assert f"--workers: '{wanted}': a whole number from 1 on is wanted" in done.stderr


def test_without_ray_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(workers.WorkersError, match=r"Ray is not installed; pip install '\.\[cluster\]' brings it"):  # noqa: SIM117
        with workers.over(1, workers.LOCAL):
            pass
