"""Claims about listening tests: the page, the answers, the figures."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from singers import tone

from svs.audio import Audio
from svs.evaluation.listening import COLUMNS, levelled, low_anchor, page, read_answers, score_answers
from svs.evaluator import EvaluationError, gather

RATE = 44_100


@pytest.fixture
def folders(tmp_path):
    for i, name in enumerate(("ours", "theirs", "real")):
        (tmp_path / name).mkdir()
        for song in ("a", "b") if name != "theirs" else ("a", "b", "c"):
            tone(6000 + 100 * i, 0.6, snr_db=30)[0].write(tmp_path / name / f"{song}.wav")
    return tmp_path


def data_of(text):
    return json.loads(re.search(r"id=data>(.*?)</script>", text, re.S)[1])


def test_the_page_carries_every_version_of_every_song_and_needs_no_server(folders):
    test = gather([folders / "ours", folders / "theirs"], reference=folders / "real", anchor=True)
    text = page(test)
    data = data_of(text)
    assert [trial["song"] for trial in data["trials"]] == ["a", "b"] and test.left_out == ("c",)
    assert set(data["names"].values()) == {"reference", "ours", "theirs", "anchor"}
    assert data["names"][data["reference"]] == "reference"
    assert all(set(trial["sounds"]) == set(data["names"]) for trial in data["trials"])
    assert "http" not in re.sub(r'"s\d": "[^"]*"', "", text)
    assert "How close does each version come to the reference?" in text


def test_an_ab_page_compares_two(folders):
    data = data_of(page(gather([folders / "ours", folders / "theirs"], kind="ab")))
    assert data["kind"] == "ab" and len(data["names"]) == 2 and data["reference"] is None


@pytest.mark.parametrize(
    "names, options, message",
    [
        (["ours"], {}, "two folders or more"),
        (["ours", "nowhere"], {}, "nowhere: is not a folder"),
        (["ours", "theirs", "real"], {"kind": "ab"}, "ab compares two folders"),
        (["ours", "theirs"], {"kind": "poll"}, "kind 'poll' is not known"),
        (["ours", "theirs"], {"anchor": True}, "made from the reference"),
        (["ours", "ours"], {}, "two folders have one name"),
        (["ours", "empty"], {}, "no sound files there"),
    ],
)
def test_folders_that_make_no_test_are_one_clear_line(folders, names, options, message):
    (folders / "empty").mkdir()
    with pytest.raises(EvaluationError, match=message):
        gather([folders / name for name in names], **options)


def test_louder_does_not_win():
    audio = tone(6000, 0.5)[0]
    quiet = Audio(audio.samples * np.float32(0.1), RATE)
    one, other = levelled({"a": audio, "b": quiet}).values()
    np.testing.assert_allclose(one.samples, other.samples, atol=1e-6)
    peak = np.zeros(RATE, np.float32)
    peak[::4000] = 0.5
    assert max(np.abs(a.samples).max() for a in levelled({"a": audio, "b": Audio(peak, RATE)}).values()) <= 0.981


def test_the_anchor_keeps_what_lies_below_three_and_a_half_kilohertz():
    audio = tone(6900, 1.0)[0]
    window = np.hanning(len(audio.samples))
    spectrum, low = (np.abs(np.fft.rfft(window * a.samples)) for a in (audio, low_anchor(audio)))
    hz = np.fft.rfftfreq(len(audio.samples), 1 / RATE)
    assert low[hz < 3000].sum() == pytest.approx(spectrum[hz < 3000].sum(), rel=0.02)
    assert low[hz > 5000].sum() < 0.01 * spectrum[hz > 5000].sum()


def answers_csv(rows, kind="mushra", test="x"):
    lines = [",".join(COLUMNS)]
    for listener, song, system, other, answer in rows:
        lines.append(f'{test},{kind},"Which, then?",{listener},1,{song},{system},{other},{answer},3.0')
    return "\n".join(lines) + "\n"


def test_mushra_means_are_of_listeners_and_ranked():
    rows = [
        (f"l{i}", song, system, "", base + 2 * i)
        for i in range(5)
        for song in "ab"
        for system, base in (("ours", 60), ("theirs", 40), ("reference", 91))
    ]
    found = score_answers(read_answers(answers_csv(rows)))
    assert list(found["systems"]) == ["reference", "ours", "theirs"]
    ours = found["systems"]["ours"]
    assert ours["mean"] == pytest.approx(64) and 60 <= ours["low"] < 64 < ours["high"] <= 68 and ours["count"] == 10
    assert found["listeners"] == 5 and found["question"] == "Which, then?"
    assert "5 listeners: so few" in found["remarks"][0]


def test_who_does_not_know_the_hidden_reference_is_left_out():
    rows = [("good", "a", "reference", "", 100), ("good", "a", "ours", "", 50)]
    rows += [("deaf", "a", "reference", "", 20), ("deaf", "a", "ours", "", 100)]
    found = score_answers(read_answers(answers_csv(rows)))
    assert found["post_screened"] == ["deaf"] and found["systems"]["ours"]["mean"] == 50
    with pytest.raises(ValueError, match="nothing is left to evaluate"):
        score_answers(read_answers(answers_csv(rows[2:])))


def test_preferences_sum_to_a_hundred_percent():
    rows = [(f"l{i}", "a", "ours", "theirs", answer) for i, answer in enumerate(["system"] * 6 + ["other", "neither"])]
    found = score_answers(read_answers(answers_csv(rows, "ab")))["systems"]
    assert found["ours"]["mean"] == pytest.approx(100 * 6.5 / 8)
    assert found["ours"]["mean"] + found["theirs"]["mean"] == pytest.approx(100)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b\n1,2\n", "no column 'kind'"),
        (",".join(COLUMNS) + "\n", "holds no answers"),
        (answers_csv([("l", "a", "ours", "", 101)]), "line 2: answer '101'"),
        (answers_csv([("l", "a", "ours", "x", "maybe")], "ab"), "line 2: answer 'maybe'"),
    ],
)
def test_answers_that_the_page_does_not_give_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        read_answers(text)


def test_two_listeners_files_can_be_put_together(tmp_path):
    one, two = (answers_csv([(name, "a", "ours", "", 70)]) for name in ("ann", "bob"))
    assert {answer.listener for answer in read_answers(one + two)} == {"ann", "bob"}
    mixed = read_answers(one) + read_answers(answers_csv([("ann", "a", "ours", "theirs", "other")], "ab"))
    with pytest.raises(ValueError, match="different tests"):
        score_answers(mixed)


def test_the_script_of_the_page_writes_the_columns_that_scoring_reads():
    source = Path(__file__).parent.parent / "svs" / "evaluation" / "listening.py"
    written = re.search(r"state\.rows\.push\(\[(.*?)\]\)", source.read_text(encoding="utf-8"), re.S)[1]
    top_level = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", re.sub(r"\([^()]*\)", "", written))
    assert top_level.count(",") + 1 == len(COLUMNS)


def ratings(listeners=6, **bases):
    """Every listener rates two songs of every system, each listener two points higher than the one before."""
    heard = [(i, song) for i in range(listeners) for song in "ab"]
    return [(f"l{i}", song, system, "", base + 2 * i) for i, song in heard for system, base in bases.items()]


def test_systems_are_told_apart_listener_by_listener():
    rows = ratings(ours=60, theirs=57)
    found = score_answers(read_answers(answers_csv(rows)))
    apart = found["differences"]["ours - theirs"]
    assert apart == {"mean": pytest.approx(3), "low": pytest.approx(3), "high": pytest.approx(3), "count": 6}
    intervals = [found["systems"][name] for name in ("ours", "theirs")]
    assert intervals[0]["low"] < intervals[1]["high"]  # where the systems' own intervals overlap
    noisy = [(*row[:4], row[4] + (-1) ** i * 5) for i, row in enumerate(ratings(ours=60, theirs=60))]
    between = score_answers(read_answers(answers_csv(noisy)))["differences"]["ours - theirs"]
    assert between["low"] <= between["mean"] <= between["high"]


def test_the_same_file_given_twice_counts_once():
    once = read_answers(answers_csv(ratings(ours=60, theirs=40)))
    one, twice = score_answers(once), score_answers(once + once)
    assert twice["systems"] == one["systems"] and twice["systems"]["ours"]["count"] == 12
    assert "24 answers are there twice and count once" in twice["remarks"]


def test_two_listeners_of_one_name_are_remarked_on():
    answers = read_answers(answers_csv([("l", "a", "ours", "", 70), ("l", "a", "ours", "", 20), ("m", "a", "ours", "", 50)]))
    found = score_answers(answers)
    assert any("same question: l;" in remark for remark in found["remarks"])


def test_answers_of_other_systems_are_not_ranked_together():
    one = answers_csv(ratings(ours=60, theirs=40), test="mushra-ours-theirs-0")
    other = answers_csv(ratings(ours=60, third=40), test="mushra-ours-third-0")
    with pytest.raises(ValueError, match=r"different tests \(mushra-ours-theirs, mushra-ours-third\)"):
        score_answers(read_answers(one) + read_answers(other))
    again = answers_csv(ratings(ours=60, theirs=40), test="mushra-ours-theirs-7")  # other letters, the same question
    assert score_answers(read_answers(one) + read_answers(again))["systems"]["ours"]["mean"] == 65


def test_a_spreadsheets_semicolons_are_read():
    text = answers_csv(ratings(ours=60, theirs=40)).replace("Which, then?", "Which?")
    assert score_answers(read_answers(text.replace(",", ";"))) == score_answers(read_answers(text))
