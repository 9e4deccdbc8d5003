"""A stage's work spread over processes or a Ray cluster: the same bytes as from one process, and the same mistakes."""

import os
import sys

import numpy as np
import pytest
from tiny_corpus import CODEC, FewClips

from data_prep import features, latents, workers
from svs.audio import Audio, AudioError
from svs.dataset import DatasetError, write_manifest

SPREADS = {
    "two processes": ["--workers", "2"],
    "Ray": ["--workers", "2", "--ray=local"],
}


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
    features.main([f"synthetic={corpus}/synthetic.jsonl", "--out", str(out), *spread])
    latents.main([str(out / "synthetic"), "--codec", str(corpus / "codec.safetensors"), *spread])


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
        with pytest.raises(AudioError) as told:
            features.main([f"some={tmp_path}/some.jsonl", "--out", str(tmp_path / "features"), *spread])
        said.append(str(told.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{tmp_path}/bad.wav: not a sound file that can be read")
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
def test_a_number_of_workers_that_cannot_be_is_told(wanted, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        features.main(["a=a.jsonl", "--out", str(tmp_path), f"--workers={wanted}"])
    assert ended.value.code == 2
    assert f"--workers: '{wanted}': a whole number from 1 on is wanted" in capsys.readouterr().err


def test_without_ray_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(workers.WorkersError, match=r"Ray is not installed; pip install '\.\[cluster\]' brings it"):  # noqa: SIM117
        with workers.over(1, workers.LOCAL):
            pass
