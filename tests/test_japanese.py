"""Phone errors: sequences of known distance have it, in one alphabet for every recogniser; intervals hold the rates."""

import json

import numpy as np
import pytest
from singers import tone

from benchmarks import japanese, phones
from benchmarks.phones import COARSE, OTHER, TWO, coarse, confusions, intervals, phone_errors, rate
from svs.g2p.japanese import morae
from svs.inventory import ARPABET
from svs.units import SAMPLE_RATE


def test_every_phone_of_english_and_japanese_has_a_coarse_one():
    kana = "あいうえおかきくけこがさしすそざじずたちつてとだでなにぬはひふへばぱまやゆよらりるれろわんきゃしゃちゃじゅ"
    assert OTHER not in coarse(ARPABET) + coarse(morae(kana, None))
    assert set(coarse(morae(kana, None))) == set(phones.SOUNDS)
    assert not set(COARSE) & set(TWO)


@pytest.mark.parametrize(
    "symbols, wanted",
    [
        ("SIL S a1 K ɯ1 ɾ a1 BR", "s a k u r a"),
        ("o1 o1 IY1", "o i"),
        ("M a1 ʔ T e1", "m a t e"),
        ("ts ɯ1", "t s u"),
        ("t͡ʃ aɪ ŋ ʘ", "ch a i n ?"),
        ("t ̪ a ː ʰ i", "t a i"),
    ],
)
def test_phones_are_written_in_the_coarse_alphabet(symbols, wanted):
    assert coarse(symbols.split()) == wanted.split()


@pytest.mark.parametrize(
    "sung, heard, counts",
    [
        ("s a k u r a", "s a k u r a", (0, 0, 0)),
        ("s a k u r a", "s a g u a", (1, 1, 0)),
        ("a", "s a k", (0, 0, 2)),
        ("k a", "", (0, 2, 0)),
    ],
)
def test_errors_are_counted_as_by_hand(sung, heard, counts):
    found = phone_errors(sung.split(), heard.split())
    assert found.count() == counts and found.errors == sum(counts) and found.phones == len(sung.split())


def test_errors_are_as_many_as_jiwers():
    jiwer = pytest.importorskip("jiwer")
    random = np.random.default_rng(0)
    for _ in range(20):
        sung, heard = (" ".join(random.choice(list("aiukst"), random.integers(1, 30))) for _ in range(2))
        assert phone_errors(sung.split(), heard.split()).rate == pytest.approx(jiwer.wer(sung, heard))


def test_a_sequence_without_phones_has_no_error_rate():
    with pytest.raises(ValueError, match="no phones"):
        phone_errors([], ["a"])


def test_confusions_name_what_was_heard_instead():
    found = confusions([phone_errors(list("kaki"), list("gak"))])
    assert found["k"] == {"sung": 2, "right": 0.5, "heard": [("g", 1)]}
    assert found["i"] == {"sung": 1, "right": 0.0, "heard": [(None, 1)]}


def test_two_groups_are_compared_on_one_mixture_of_phones():
    hard = confusions([phone_errors(["r"] * 30 + ["a"] * 10, ["n"] * 20 + ["r"] * 10 + ["a"] * 10)])
    easy = confusions([phone_errors(["r"] * 10 + ["a"] * 30 + ["k"], ["n"] * 5 + ["r"] * 5 + ["a"] * 30)])
    assert phones.alike(hard, easy) == pytest.approx(((10 * 2 / 3) / 40, 5 / 40, 40 / 41))
    assert phones.alike(hard, confusions([phone_errors(["k"], ["k"])])) is None


def test_intervals_hold_the_rates_and_their_ratio():
    random = np.random.default_rng(1)

    def group(share, pieces):
        return [
            phone_errors(["a"] * 30, ["e" if wrong else "a" for wrong in random.random(30) < share])
            for _ in range(pieces)
        ]

    one, other = group(0.2, 40), group(0.4, 40)
    values = rate(one), rate(other), rate(other) / rate(one)
    for (low, high), value in zip(intervals(one, other), values, strict=True):
        assert low < value < high < 1.5 * value


def clip(tmp_path, name, symbols):
    audio, _ = tone(cents=6000, seconds=2.0)
    audio.write(tmp_path / f"{name}.wav")
    edges = np.linspace(0.2, 1.8, len(symbols) + 1)
    spans = [{"symbol": s, "start": a, "end": b, "note": 0} for s, a, b in zip(symbols, edges, edges[1:], strict=False)]
    spans = [{"symbol": "SIL", "start": 0.0, "end": 0.2, "note": -1}, *spans]
    return {"id": f"kumi/{name}", "speaker": "kumi", "audio": f"{name}.wav", "phones": spans}


def test_songs_sung_twice_as_unclearly_as_the_recordings_miss_the_bar(tmp_path, monkeypatch, capsys):
    (tmp_path / "songs.txt").write_text("ja/sakura.musicxml\n")
    audio, _ = tone(cents=6000, seconds=3.0)
    audio.write(tmp_path / "sakura.wav")
    sung = ["S", "a1", "K", "ɯ1", "ɾ", "a1", "IY1", "Z", "a1", "Y", "a1"]
    take = clip(tmp_path, "x", sung) | {"notes": [{"onset": 0.2, "duration": 1.6, "cents": 6000.0}]}
    take["f0"] = {"hop_seconds": 0.01, "cents": [6000.0] * 300, "voiced": [True] * 300}
    (tmp_path / "sakura.json").write_text(json.dumps(take))
    lines = [json.dumps(clip(tmp_path, name, sung)) for name in ("one", "two")] + [json.dumps({"audio": "no.wav"})]
    (tmp_path / "clips.jsonl").write_text("\n".join(lines))

    def hear(sound):  # one phone of eleven wrong in a recording (1.9 s), two in the song (3 s)
        assert 0 < len(sound.samples) <= 3 * SAMPLE_RATE
        return ("S a K ɯ ɾ a IY S a Y a" if sound.seconds < 2.5 else "S a K ɯ L AA IY S e Y a").split()

    monkeypatch.setattr(japanese, "recogniser", lambda name: (name, hear))
    monkeypatch.chdir(tmp_path)
    settings = ["--songs", "songs.txt", "--out", ".", "--reuse", "--recordings", "clips.jsonl", "--no-resung"]
    found = japanese.main([*settings, "--json", "found.json"])
    groups = found["hama"]["groups"]
    assert groups["recordings"]["rate"] == pytest.approx(1 / 11)
    assert groups["songs"]["times"] == pytest.approx(2)
    assert groups["songs"]["confusions"]["z"]["heard"] == [("s", 1)]
    assert json.loads((tmp_path / "found.json").read_text())["hama"]["groups"]["songs"]["each"].keys() == {"sakura"}
    assert "MISSED  songs: phone errors ÷ the recordings': 2.000 (bar: ≤ 1.3)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["hama", "pocketsphinx"])
def test_a_recogniser_hears_no_phones_in_silence_and_some_in_speech_like_sound(name):
    pytest.importorskip(name)
    _, hear = phones.recogniser(name)
    sound, _ = tone(cents=4800, seconds=1.0)
    silent = type(sound)(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
    assert len(coarse(hear(silent))) <= 2
    assert OTHER not in coarse(hear(sound))


def test_an_unknown_recogniser_is_refused():
    with pytest.raises(SystemExit, match=r"nobody: no such recogniser; .*hama.*benchmarks\.recogniser"):
        phones.recogniser("nobody")


def test_recordings_without_phones_are_refused(tmp_path):
    pytest.importorskip("hama", reason="the recogniser of the default is of the extra `evaluate`")
    (tmp_path / "clips.jsonl").write_text(json.dumps({"audio": "a.wav", "id": "a", "speaker": "kumi"}))
    with pytest.raises(SystemExit, match="no clips with phones"):
        japanese.main(["--recordings", str(tmp_path / "clips.jsonl")])
