"""Alignment by CTC: a network that hears tones as letters, so that every time is known beforehand."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from data_prep.align import (
    BLANK,
    BORDER,
    SPELLINGS,
    AlignError,
    Recogniser,
    Word,
    aligned,
    bundle,
    letter_times,
    matched,
    words_of,
)
from data_prep.labels import LabelError
from svs.audio import Audio
from svs.inventory import PHONES

RATE, HOP = 16_000, 320
FRAME = HOP / RATE  # 20 ms
TOLERANCE = FRAME + 1e-6
MMS = (BLANK, *"aienoutsrmkldghybpwcvjzf'qx")
ASR = (BLANK, BORDER, *"ETAONIHSRDLUMWCFGYPBVK'XJQZ")


class ToneListener(torch.nn.Module):
    """Letters are tones: its n-th is one of 200 + 100 n Hz. The louder a tone in 40 ms, the likelier its letter."""

    def __init__(self, labels):
        super().__init__()
        times = torch.arange(2 * HOP) / RATE
        hz = 200.0 + 100.0 * torch.arange(len(labels))
        self.filters = torch.cat(
            [torch.cos(2 * torch.pi * hz[:, None] * times), torch.sin(2 * torch.pi * hz[:, None] * times)]
        )[:, None]
        self.windows = torch.hann_window(2 * HOP)

    def forward(self, wave):
        padded = torch.nn.functional.pad(wave, (HOP // 2, 2 * HOP))[:, None]
        cosine, sine = torch.conv1d(padded, self.filters * self.windows, stride=HOP).chunk(2, dim=1)
        loud = (cosine.square() + sine.square()).sqrt()
        loud[:, 0] = 10.0  # the blank, when nothing is louder
        return 0.5 * loud.transpose(1, 2), None


def listener(labels=MMS):
    return Recogniser(ToneListener(labels).eval(), labels, RATE, HOP)


def sung(*letters, labels=MMS, seconds=None):
    """(letter, start, end) as tones, full scale 0.4."""
    end = seconds or letters[-1][2] + 0.5
    times = np.arange(round(end * RATE)) / RATE
    samples = np.zeros(len(times))
    for letter, start, stop in letters:
        inside = (times >= start) & (times < stop)
        samples[inside] = 0.4 * np.sin(2 * np.pi * (200 + 100 * labels.index(letter)) * times[inside])
    return Audio(samples.astype(np.float32), RATE)


LINE = [
    ("l", 0.5, 0.6),
    ("a", 0.6, 1.5),
    ("n", 1.5, 1.7),
    ("o", 1.7, 2.4),
    ("m", 3.0, 3.2),
    ("e", 3.2, 4.0),
]  # la no, me


def clip(tmp_path, audio, text, **more):
    audio.write(tmp_path / "a.wav")
    return {"id": "x/a", "speaker": "x", "audio": str(tmp_path / "a.wav"), "language": "en", "text": text, **more}


def test_phones_begin_where_their_letters_are_heard_within_a_frame(tmp_path):
    found = aligned(clip(tmp_path, sung(*LINE), "la no me"), listener())
    assert [p["symbol"] for p in found["phones"]] == ["SIL", "L", "AA", "N", "OW", "SIL", "M", "IY", "SIL"]
    starts = [p["start"] for p in found["phones"]]
    assert starts == pytest.approx([0, 0.5, 0.6, 1.5, 1.7, 2.4, 3.0, 3.2, 4.0], abs=TOLERANCE)
    assert [p["note"] for p in found["phones"]] == [-1, 0, 0, 1, 1, -1, 2, 2, -1]
    assert found["phones"][-1]["end"] == pytest.approx(4.5)
    assert found["heard"] > 0.5


def test_a_model_with_borders_between_words_gives_the_same(tmp_path):
    upper = [(letter.upper(), start, end) for letter, start, end in LINE]
    found = aligned(clip(tmp_path, sung(*upper, labels=ASR), "La, no: me!"), listener(ASR))
    starts = [p["start"] for p in found["phones"]]
    assert starts == pytest.approx([0, 0.5, 0.6, 1.5, 1.7, 2.4, 3.0, 3.2, 4.0], abs=TOLERANCE)


def test_sound_of_another_rate_is_heard_at_the_same_times(tmp_path):
    found = aligned(clip(tmp_path, sung(*LINE).resample(44_100), "la no me"), listener())
    assert [p["start"] for p in found["phones"]] == pytest.approx(
        [0, 0.5, 0.6, 1.5, 1.7, 2.4, 3.0, 3.2, 4.0], abs=TOLERANCE
    )


def test_a_long_recording_heard_in_pieces_is_as_if_heard_at_once():
    letters = [("la"[n % 2], 0.5 + 0.5 * n, 1.0 + 0.5 * n) for n in range(110)]
    audio, recogniser = sung(*letters), listener()
    whole = recogniser.network(torch.from_numpy(audio.samples)[None])[0][0].log_softmax(-1).numpy()
    pieces = recogniser.emissions(audio)
    assert len(pieces) == len(audio.samples) // HOP > 2 * 20 / FRAME
    np.testing.assert_allclose(pieces, whole[: len(pieces)], atol=1e-4)


def test_known_emissions_give_known_frames():
    emissions = np.full((10, len(MMS)), -9.0, np.float32)
    for frame, letter in enumerate([BLANK, "l", "l", BLANK, "a", BLANK, BLANK, "a", BLANK, BLANK]):
        emissions[frame, MMS.index(letter)] = -0.1
    ((first, second),), score = letter_times(emissions, [Word("la", "la", ("L", "AA1"))], MMS)
    assert (first, second) in {(1, 4), (1, 7)} and score > 0.5
    frames, _ = letter_times(emissions, [Word("laa", "laa", ("L", "AA1", "AA1"))], MMS)
    assert frames == [[1, 4, 7]]


@pytest.mark.parametrize(
    ("letters", "phones", "places"),
    [
        ("though", ("DH", "OW1"), [0, 2]),
        ("fix", ("F", "IH1", "K", "S"), [0, 1, 2, 2]),
        ("knight", ("N", "AY1", "T"), [1, 2, 5]),
        ("one", ("W", "AH1", "N"), [0, 0, 1]),
        ("singing", ("S", "IH1", "NG", "IH0", "NG"), [0, 1, 2, 4, 5]),
        ("shi", ("ɕ", "IY1"), [0, 2]),
        ("a", ("AH0",), [0]),
    ],
)
def test_letters_are_matched_with_the_phones_they_write(letters, phones, places):
    assert matched(letters, phones) == places


def test_phones_that_share_a_letter_share_its_time(tmp_path):
    found = aligned(clip(tmp_path, sung(("f", 0.5, 0.7), ("i", 0.7, 1.5), ("x", 1.5, 1.9)), "fix"), listener())
    phones = {p["symbol"]: (p["start"], p["end"]) for p in found["phones"]}
    assert phones["K"] == pytest.approx((1.5, 1.7), abs=FRAME) and phones["S"] == pytest.approx((1.7, 1.9), abs=FRAME)


def test_words_in_other_scripts_are_spelled_by_their_phones():
    (word, other) = words_of("さくら が", "ja", MMS)
    assert (word.letters, other.letters) == ("sakura", "ga")
    assert [w.letters for w in words_of("Über — schön", "de", MMS)] == ["uber", "schon"]


def test_every_phone_of_svs_has_a_spelling():
    assert set(SPELLINGS) == set(PHONES)
    assert all(letters.isascii() and letters.islower() for each in SPELLINGS.values() for letters in each)


def test_words_that_are_not_sung_are_not_believed(tmp_path):
    found = aligned(clip(tmp_path, sung(*LINE), "but this is quite another verse"), listener())
    assert "phones" not in found and "are they what is sung?" in found["unlabelled"]


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("", "en", "no words to be sung in ''"),
        ("— 12?", "xx", "language 'xx' is not supported"),
        ("la " * 400, "en", "800 letters are too many for 225 frames of sound"),
    ],
)
def test_what_cannot_be_aligned_says_why(text, language, said, tmp_path):
    found = aligned(clip(tmp_path, sung(*LINE), text, language=language), listener())
    assert said in found["unlabelled"]


def test_nothing_to_be_sung_raises():
    with pytest.raises(LabelError, match="no words"):
        words_of("— …", "en", MMS)


def run(tmp_path, *arguments):
    (tmp_path / "m.jsonl").write_text(json.dumps(clip(tmp_path, sung(*LINE), "la no me")) + "\n")
    line = [
        sys.executable,
        "-m",
        "data_prep.align",
        str(tmp_path / "m.jsonl"),
        "--out",
        str(tmp_path / "out.jsonl"),
        *arguments,
    ]
    unreachable = {
        **os.environ,
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "TORCH_HOME": str(tmp_path / "hub"),
    }
    return subprocess.run(line, capture_output=True, text=True, check=False, env=unreachable)


def test_without_the_network_one_line_says_how_to_get_the_weights(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert (
        last.startswith(f"MMS_FA: its weights, {tmp_path}/hub/hub/checkpoints/model.pt, cannot be had (")
        and "Traceback" not in done.stderr
    )
    assert (
        "https://dl.fbaipublicfiles.com/mms/torchaudio/ctc_alignment_mling_uroman/model.pt" in last
        and last.endswith("--weights")
    )
    assert not (tmp_path / "out.jsonl").exists()


def test_an_unknown_model_is_answered_with_those_there_are():
    with pytest.raises(AlignError, match="--model whisper: choose .*MMS_FA.*WAV2VEC2_ASR_BASE_960H"):
        bundle("whisper")


def test_weights_that_are_none_are_told(tmp_path):
    (tmp_path / "wav2vec2_fairseq_base_ls960_asr_ls960.pth").write_bytes(b"nothing")
    with pytest.raises(AlignError, match="WAV2VEC2_ASR_BASE_960H: its weights, .*, cannot be had"):
        bundle("WAV2VEC2_ASR_BASE_960H", tmp_path)
