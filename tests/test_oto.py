"""UTAU banks: oto.ini says where vowels begin, and the sound says where consonants do."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from singers import sing_contour

from data_prep.oto import OtoError, breath_before, label, read_oto, sung_morae, vowel_onsets
from svs.audio import Audio

KUMI = Path(__file__).parents[2] / "shared" / "data" / "kumi"
PACE = 0.6  # seconds a mora
FIRST = 1.3  # where the first vowel begins
MORAE = "a-ka-a-sa"
CLOSURE = {"ka": 0.08, "sa": 0.14}  # seconds without voice before the vowel


def recording(morae=MORAE):
    """Vowels of 220 Hz, silent where a voiceless consonant stands, and an inhalation at −40 dB before them."""
    names = morae.split("-")
    onsets = FIRST + PACE * np.arange(len(names))

    def contour(times):
        voiced = (times >= FIRST) & (times < onsets[-1] + PACE - 0.1)
        for name, onset in zip(names, onsets, strict=True):
            voiced &= ~((times >= onset - CLOSURE.get(name, 0)) & (times < onset))
        return np.full(len(times), 5700.0), voiced

    audio, _ = sing_contour(contour, onsets[-1] + PACE + 0.5)
    times = np.arange(len(audio.samples)) / audio.sample_rate
    random = np.random.default_rng(0)
    noise = random.normal(0, 1e-4, len(times))
    noise += random.normal(0, 2e-3, len(times)) * ((times > 0.5) & (times < 0.9))
    return Audio((audio.samples + noise).astype(np.float32), audio.sample_rate), onsets


def oto(onsets, aliases, name="あかあさ_a-ka-a-sa.wav", preutterance=300):
    lines = [
        f"{name}={alias},{1000 * t - preutterance},400,-700,{preutterance},150"
        for alias, t in zip(aliases, onsets, strict=True)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_entries_say_where_vowels_begin_whatever_the_encoding(tmp_path, encoding):
    path = tmp_path / "oto.ini"
    path.write_bytes(oto([1.3, 1.9], ["- あA3", "a かA3"]).encode(encoding))
    first, second = read_oto(path)["あかあさ_a-ka-a-sa"]
    assert (first.alias, second.alias) == ("- あ", "a か")  # without the bank's pitch
    assert first.vowel == pytest.approx(1.3) and second.vowel == pytest.approx(1.9)


def test_a_line_that_is_no_entry_is_named(tmp_path):
    path = tmp_path / "oto.ini"
    path.write_text("a.wav=- あ,1,2,3,4,5\na.wav=a か,1,two,3,4,5\n")
    with pytest.raises(OtoError, match="oto.ini, line 2"):
        read_oto(path)


def test_morae_that_no_entry_names_lie_evenly_between_the_others(tmp_path):
    path = tmp_path / "oto.ini"
    path.write_text(oto([1.3, 3.1], ["- あ", "a さ"]))
    onsets = vowel_onsets(next(iter(read_oto(path).values())), sung_morae(MORAE))
    assert onsets == pytest.approx([1.3, 1.9, 2.5, 3.1], abs=0.01)


def test_entries_of_another_recording_are_refused(tmp_path):
    path = tmp_path / "oto.ini"
    path.write_text(oto([1.3, 1.9, 2.5], ["- む", "u め", "e も"]))
    with pytest.raises(OtoError, match="morae"):
        vowel_onsets(next(iter(read_oto(path).values())), sung_morae(MORAE))


def test_consonants_begin_where_the_voice_stops_within_20_ms():
    audio, onsets = recording()
    phones = label(audio, onsets, sung_morae(MORAE))
    starts = {(p["symbol"], p["note"]): p["start"] for p in phones}
    assert starts["K", 1] == pytest.approx(onsets[1] - 0.08, abs=0.02)
    assert starts["S", 3] == pytest.approx(onsets[3] - 0.14, abs=0.02)
    assert [starts["a", n] for n in range(4)] == pytest.approx(onsets, abs=1e-3)


def test_phones_fill_the_recording_from_silence_to_silence_with_the_breath_before():
    audio, onsets = recording()
    phones = label(audio, onsets, sung_morae(MORAE))
    assert [p["symbol"] for p in phones] == ["SIL", "BR", "SIL", "a", "K", "a", "a", "S", "a", "SIL"]
    assert phones[0]["start"] == 0 and phones[-1]["end"] == pytest.approx(audio.seconds, abs=1e-3)
    assert all(a["end"] == b["start"] for a, b in itertools.pairwise(phones))
    assert phones[1]["start"] == pytest.approx(0.5, abs=0.05) and phones[1]["end"] == pytest.approx(0.9, abs=0.05)
    assert phones[-2]["end"] == pytest.approx(onsets[-1] + PACE - 0.1, abs=0.03)


def test_a_silent_lead_holds_no_breath():
    assert breath_before(np.full(260, -70.0) + np.random.default_rng(0).normal(0, 1, 260), 1.2) is None


@pytest.mark.skipif(not KUMI.is_dir(), reason="the recordings of Kumi are not at ../shared/data/kumi")
def test_every_string_of_a_real_bank_is_placed_at_a_steady_pace():
    entries, paces = read_oto(KUMI / "_Core" / "oto.ini"), []
    for path in (KUMI / "_Core").glob("*_*.flac"):
        paces += list(np.diff(vowel_onsets(entries[path.stem], sung_morae(path.stem.partition("_")[2]))))
    # she recites at 98 a minute; where a vowel follows itself, its beginning is anyone's guess
    assert np.median(paces) == pytest.approx(0.61, abs=0.02)
    assert np.mean(np.abs(np.array(paces) - 0.61) < 0.1) > 0.95 and min(paces) > 0.3
