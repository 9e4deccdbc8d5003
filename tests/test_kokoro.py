"""Kokoro as a teacher: phones to tokens, times to units; the engine itself only where it has been fetched before."""

import os

import numpy as np
import pytest

from data_prep import kokoro

ARPABET = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
CACHES = [path for path in (os.environ.get("SVS_TEACHERS"), "work/teachers") if path]


def test_all_phones_have_tokens():
    assert len(ARPABET) == 39
    tokens = kokoro.tokenise(["SIL", *ARPABET, "SIL"])
    assert {owner for _, owner, role in tokens if role == "phone"} == set(range(1, 40))


def test_stress_belongs_to_its_vowel_and_words_take_no_phone():
    tokens = kokoro.tokenise(["SIL", "L", "IH1", "T", "AH0", "L", "AH1", "SIL"], words=[1, 6])
    assert "".join(character for character, _, _ in tokens) == "$lˈɪtəl ˈʌ.$"
    assert [owner for _, owner, role in tokens if role == "stress"] == [2, 6]
    assert tokens[0][1] == 0 and tokens[-1][1] == 7


def test_unknown_phone_is_named():
    with pytest.raises(kokoro.KokoroError, match="'QQ'"):
        kokoro.tokenise(["SIL", "QQ", "SIL"])


def test_quantised_times_do_not_drift():
    wanted = np.random.default_rng(0).uniform(0.03, 0.5, 200)
    units = kokoro.quantise(wanted)
    assert units.min() >= 1
    assert np.abs(np.cumsum(units) * kokoro.FRAME_SECONDS - np.cumsum(wanted)).max() <= 0.0126
    assert kokoro.quantise([0.0, 0.0, 0.1]).tolist() == [1, 1, 2]


def test_share_gives_every_token_its_part():
    assert kokoro.share(10, [1, 3]).tolist() == [3, 7]
    assert kokoro.share(1, [1, 1]).tolist() == [0, 1]
    assert kokoro.share(7, [5, 1, 1]).sum() == 7


def test_half_frequency_is_combed_out_and_harmonics_stay():
    rate, hz = kokoro.SAMPLE_RATE, 400.0
    seconds = np.arange(rate) / rate
    voice, fault = np.sin(2 * np.pi * hz * seconds), 0.1 * np.sin(np.pi * hz * seconds)
    out = kokoro.remove_subharmonics((voice + fault).astype(np.float32), np.full(80, hz), onset=240.0)
    middle = slice(rate // 4, 3 * rate // 4)
    assert np.abs(out - voice)[middle].max() < 0.01
    untouched = kokoro.remove_subharmonics((voice + fault).astype(np.float32), np.full(80, 200.0), onset=240.0)
    assert np.allclose(untouched, voice + fault, atol=1e-6)


def test_engine_sings_at_the_commanded_times_and_pitch():
    lacking = {path: kokoro.is_ready(path) for path in CACHES}
    ready = [path for path, reason in lacking.items() if reason is None]
    if not ready:
        pytest.skip(f"Kokoro has not been fetched: {lacking}; run `python -m data_prep.kokoro work/teachers`")
    parselmouth = pytest.importorskip("parselmouth")
    teacher = kokoro.KokoroTeacher(ready[0])
    phones = ["SIL", "S", "AA1", "M", "IY1", "SIL"]
    natural = teacher.natural_durations("af_heart", phones, words=[1])
    assert natural.shape == (6,) and natural.min() > 0
    wanted = np.where([kokoro.is_vowel(phone) for phone in phones], 0.5, 0.1)
    audio, seconds = teacher.sing("af_heart", phones, wanted, np.full(130, 220.0), words=[1])
    assert len(audio) == round(seconds.sum() * teacher.sample_rate) and np.isfinite(audio).all()
    assert np.abs(np.cumsum(seconds) - np.cumsum(wanted)).max() <= 0.0126
    pitch = parselmouth.Sound(audio.astype(np.float64), teacher.sample_rate).to_pitch_ac(0.005, 65, pitch_ceiling=800)
    start = seconds[:2].sum()
    within = (pitch.xs() > start + 0.08) & (pitch.xs() < start + 0.45)
    heard = pitch.selected_array["frequency"][within]
    assert (heard > 0).mean() > 0.9
    assert np.median(np.abs(1200 * np.log2(heard[heard > 0] / 220.0))) < 20
    with pytest.raises(kokoro.KokoroError, match="no voice 'nobody'"):
        teacher.sing("nobody", phones, wanted, np.full(130, 220.0))
