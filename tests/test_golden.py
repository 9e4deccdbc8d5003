"""A song that never changes: the same bytes on the machine it was made on, and nearly the same on any other.

  python tests/test_golden.py      makes golden.json anew, after a change that is meant to change the sound

The song is sung by a small network whose weights are drawn by numpy, by all the code that sings in earnest. Three levels:

    the machine and libraries of golden.json   every byte
    other processors and versions of torch     no sample more than SOUND of full scale away; notes, times and cents within TAKE
    exported to ONNX                           tests/test_onnx.py: within 1e-3
"""

import hashlib
import json
import platform
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_voices import write_voice

from svs.score import Score
from svs.sing import sing
from svs.voice import Voice

GOLDEN = Path(__file__).with_name("golden.json")
SOUND, TAKE = 1e-4, 2e-3
EVERY = 61  # samples of which one is kept, for machines where the bytes may differ
NOTES = [(0.0, 0.4, "C4", "sing"), (0.4, 0.3, "E4", "to"), (0.7, 0.5, "G4", "me"), (1.5, 0.6, "D4", "once")]


def machine() -> dict[str, str]:
    """All that may change the last bits: the processor, and the libraries that compute."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().split("\n\n")[0].splitlines() if facts.exists() else []
    named = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    processor = " ".join(named.get(key, "") for key in ("vendor_id", "cpu family", "model", "stepping"))
    flags = hashlib.blake2b(named.get("flags", "").encode(), digest_size=6).hexdigest()
    return {
        "processor": f"{platform.machine()} {processor} {flags} {torch.backends.cpu.get_cpu_capability()}",
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def golden_take(folder: Path):
    """The song as it is sung here."""
    voice = Voice.load(write_voice(folder / "golden"))
    rng = np.random.default_rng(7)
    with torch.no_grad():
        for network, deviation in ((voice.acoustic, 0.1), (voice.codec.decoder, 0.02)):
            for _, weight in sorted(network.named_parameters()):
                weight.copy_(torch.from_numpy(rng.normal(0.0, deviation, weight.shape).astype(np.float32)))
        voice.codec.decoder.harmonic.bias -= 3.0
        voice.codec.decoder.noise.bias -= 6.0
    return sing(Score.from_notes(NOTES), voice, seed=11, reproducible=True)


def facts(take) -> dict:
    """What is kept of a take."""
    samples = take.audio.samples
    told = take.to_json()
    return {
        "machine": machine(),
        "bytes": hashlib.sha256(samples.tobytes()).hexdigest(),
        "length": len(samples),
        "samples": [round(float(value), 6) for value in samples[::EVERY]],
        "phones": [[phone["symbol"], phone["start"], phone["end"]] for phone in told["phones"]],
        "notes": [[note["onset"], note["duration"], note["cents"]] for note in told["notes"]],
        "cents": told["f0"]["cents"],
        "voiced": "".join(str(int(voiced)) for voiced in told["f0"]["voiced"]),
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return facts(golden_take(tmp_path_factory.mktemp("golden")))


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_what_is_sung_is_the_same_on_every_machine(here, golden):
    assert [phone[0] for phone in here["phones"]] == [phone[0] for phone in golden["phones"]]
    assert (here["length"], here["voiced"]) == (golden["length"], golden["voiced"])
    for key in ("notes", "cents"):
        np.testing.assert_allclose(here[key], golden[key], rtol=0, atol=TAKE)
    times = ([phone[1:] for phone in each["phones"]] for each in (here, golden))
    np.testing.assert_allclose(*times, rtol=0, atol=TAKE)


def test_the_sound_is_nearly_the_same_on_every_machine(here, golden):
    assert np.abs(golden["samples"]).max() > 0.05
    np.testing.assert_allclose(here["samples"], golden["samples"], rtol=0, atol=SOUND)


def test_the_sound_is_the_same_to_the_bit_on_the_same_machine(here, golden):
    if here["machine"] != golden["machine"]:
        pytest.skip(f"golden.json was made on another: {golden['machine']}")
    assert here["bytes"] == golden["bytes"]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        made = facts(golden_take(Path(scratch)))
    GOLDEN.write_text(json.dumps(made) + "\n", encoding="utf-8")
    print(f"{GOLDEN}: {made['length']} samples, peak {max(map(abs, made['samples'])):.3f}", file=sys.stderr)
