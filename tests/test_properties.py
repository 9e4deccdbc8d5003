"""Properties that hold of any input, with examples by hypothesis; HYPOTHESIS_EXAMPLES says how many, for a night's search."""

import json
import math
import os
import time
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest

hypothesis = pytest.importorskip("hypothesis", reason="pip install svs[dev] brings hypothesis")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from svs import g2p  # noqa: E402
from svs.check import unsung  # noqa: E402
from svs.evaluation import take_curve, take_notes  # noqa: E402
from svs.export import export  # noqa: E402
from svs.hand import read_curve, read_settings  # noqa: E402
from svs.inventory import VOWELS  # noqa: E402
from svs.mistakes import LONGEST, Mistake  # noqa: E402
from svs.phonemes import pronounce  # noqa: E402
from svs.score import Score  # noqa: E402
from svs.timing import TypicalDurations, place  # noqa: E402
from svs.tuning import read_scale  # noqa: E402
from svs.units import cents_to_hz, hz_to_cents  # noqa: E402
from svs.voice import read_facts  # noqa: E402

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "60"))
some = settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 60, database=None)
ODD = st.sampled_from(["", "nan", "1e308", "-1", "0", "9" * 400, "²", "\ud800", "a\nb", "\u2028", "+", "1/0", "0x1", "é"])
TEXT = st.text(max_size=12) | ODD
NUMBERS = st.integers() | st.floats() | st.booleans() | st.none() | st.sampled_from([10**400, 2**63, 1e308])
TREES = st.recursive(
    NUMBERS | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


@pytest.fixture(autouse=True, scope="module")
def subnormal_numbers():
    """Trainings of this process flush them to zero; here they are drawn."""
    import torch

    torch.set_flush_denormal(False)


def read_or_refused(read, *arguments):
    """What a reader returns, or None where it refuses in one short line of its own."""
    try:
        return read(*arguments)
    except ValueError as error:
        message = str(error)
        assert isinstance(error, Mistake) or message.startswith("not a take of svs"), repr(error)
        assert len(message.splitlines()) == 1 and message.isprintable() and len(message) <= LONGEST + 10
        return None


def keyed(keys, values=TREES):
    """Mappings whose keys are mostly those that a reader knows."""
    return st.dictionaries(st.sampled_from(keys) | TEXT, values, max_size=5)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")

    def write(name, content):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        return folder / name

    return write


# Pitch and time ------------------------------------------------------------------------------------------------------


@some
@given(st.floats(-6000.0, 18000.0))
def test_cents_as_hertz_and_back_are_the_same_cents(cents):
    assert hz_to_cents(cents_to_hz(cents)) == pytest.approx(cents, abs=1e-6)


@some
@given(
    st.lists(
        st.tuples(st.floats(0.0, 2.0), st.floats(0.02, 3.0), st.integers(4800, 8400), st.sampled_from(["la", "strengths", "I"])),
        min_size=1,
        max_size=12,
    )
)
def test_phones_fill_every_line_without_gap_or_overlap(notes):
    """Rests of 0 to 2 s, notes of 0.02 to 3 s, syllables of two, nine and one letters."""
    at, line = 0.5, []
    for rest, duration, cents, syllable in notes:
        line.append((at + rest, duration, float(cents), syllable))
        at += rest + duration
    part = pronounce(Score.from_notes(line).parts[0], g2p.load("en"))
    spans = place(part.notes, TypicalDurations())
    assert all(span.end > span.start for span in spans)
    np.testing.assert_allclose([b.start for b in spans[1:]], [a.end for a in spans[:-1]], rtol=0, atol=1e-9)
    nuclei = {span.note: span.start for span in reversed(spans) if span.symbol in VOWELS}
    assert nuclei
    for number, start in nuclei.items():  # the vowel meets the beat
        assert start == pytest.approx(part.notes[number].onset, abs=1e-6)


# Files from anywhere -------------------------------------------------------------------------------------------------


def tag(name, text):
    return f"<{name}>{text}</{name}>"


CLEAN = TEXT.map(lambda text: quoteattr("".join(c for c in text if c.isprintable() and not "\ud800" <= c <= "\udfff"))[1:-1])
VALUE = st.integers(-3, 99).map(str) | CLEAN
NOTE = st.builds(
    lambda step, octave, alter, duration, text, more: tag(
        "note",
        tag("pitch", tag("step", step) + tag("alter", alter) + tag("octave", octave))
        + tag("duration", duration)
        + tag("lyric", tag("text", text))
        + more,
    ),
    st.sampled_from("ABCDEFGH"), VALUE, VALUE, VALUE, CLEAN,
    st.sampled_from(["", "<chord/>", "<grace/>", "<tie type='start'/>", "<notations><fermata/></notations>", "<rest/>"]),
)  # fmt: skip
SIGN = st.builds(
    lambda name, value: f'<direction><sound {name}="{value}"/></direction>',
    st.sampled_from(["tempo", "dacapo", "segno", "dalsegno", "coda", "tocoda", "fine"]), VALUE,
)  # fmt: skip
BARLINE = st.builds(
    lambda kind, times, number: f'<barline><ending number="{number}" type="start"/><repeat direction="{kind}" times="{times}"/>'
    "</barline>",
    st.sampled_from(["forward", "backward"]), VALUE, VALUE,
)  # fmt: skip
START = st.builds(
    lambda divisions, beats, unit: tag(
        "attributes", tag("divisions", divisions) + tag("time", tag("beats", beats) + tag("beat-type", unit))
    ),
    VALUE, VALUE, VALUE,
)  # fmt: skip
BARS = st.lists(
    st.tuples(VALUE, st.lists(NOTE | NOTE | NOTE | SIGN | BARLINE | START, max_size=6)).map(
        lambda bar: f'<measure number="{bar[0]}">{"".join(bar[1])}</measure>'
    ),
    max_size=4,
)


@some
@given(BARS)
def test_any_musicxml_is_read_or_refused_in_one_line(path, bars):
    list_of_parts = '<part-list><score-part id="P"><part-name>V</part-name></score-part></part-list>'
    text = f'<score-partwise>{list_of_parts}<part id="P">{"".join(bars)}</part></score-partwise>'
    read_or_refused(unsung, path("song.musicxml", text))


USTX_NOTE = keyed(["position", "duration", "tone", "lyric", "tuning"], st.integers(0, 9000) | TREES)
USTX = st.fixed_dictionaries(
    {"voice_parts": st.lists(st.fixed_dictionaries({"notes": st.lists(USTX_NOTE, max_size=4)}) | TREES, max_size=2)},
    optional={
        "resolution": NUMBERS | st.just(480),
        "tempos": st.lists(keyed(["position", "bpm"]), max_size=2),
        "time_signatures": st.lists(keyed(["bar_position", "beat_per_bar", "beat_unit"]), max_size=2),
        "tracks": TREES,
    },
)


@some
@given(USTX)
def test_any_project_is_read_or_refused_in_one_line(path, project):
    read_or_refused(unsung, path("song.ustx", json.dumps(project).replace("NaN", ".nan").replace("Infinity", ".inf")))


@some
@given(st.binary(max_size=60))
def test_any_midi_is_read_or_refused_in_one_line(path, events):
    header = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0"
    note = b"\x00\xff\x05\x02la\x00\x90\x3c\x40\x60\x80\x3c\x00"
    track = note + events
    read_or_refused(unsung, path("song.mid", header + b"MTrk" + len(track).to_bytes(4, "big") + track))


@some
@given(keyed(["style", "notes"], keyed(["vibrato_cents", "bar"]) | st.lists(keyed(["bar", "note", "lyric", "tension"])) | TREES))
def test_any_settings_are_read_or_refused_in_one_line(path, content):
    text = json.dumps(content).replace("NaN", ".nan").replace("Infinity", ".inf")
    read_or_refused(read_settings, path("song.yaml", text))


@some
@given(TEXT, VALUE, st.lists(VALUE | st.floats().map(str) | TEXT, max_size=6))
def test_any_scale_is_finite_or_refused_in_one_line(path, title, count, pitches):
    for told in (count, str(len(pitches))):
        scale = read_or_refused(read_scale, path("a.scl", "\n".join([f"! {title}", title, told, *pitches])))
        assert scale is None or all(map(math.isfinite, scale.degrees))


@some
@given(st.lists(st.tuples(VALUE | st.floats(0, 9).map(str), VALUE | st.floats(0, 9000).map(str)), max_size=6))
def test_any_contour_is_read_or_refused_in_one_line(path, rows):
    lines = ["seconds,cents", *(",".join(row) for row in rows)]
    read_or_refused(read_curve, path("song.csv", "\n".join(lines)))


@some
@given(
    keyed(["onset", "duration", "cents", "lyric", "syllabic", "bar"], NUMBERS | TEXT),
    keyed(["symbol", "start", "end", "note"], NUMBERS | TEXT),
    keyed(["hop_seconds", "cents", "voiced"]),
    st.sampled_from([".mid", ".musicxml", ".TextGrid", ".ustx", ".ds", ".csv"]),
)
def test_any_take_is_exported_or_refused_in_one_line(note, phone, f0, suffix):
    good = {"onset": 0.5, "duration": 1.0, "cents": 6000.0, "lyric": "la", "bar": 1}
    take = {"part": "Voice", "notes": [good | note], "phones": [{"symbol": "AA1", "start": 0.5, "end": 1.5, "note": 0} | phone]}
    take["f0"] = {"hop_seconds": 0.01, "cents": [6000.0], "voiced": [True]} | f0
    read_or_refused(take_notes, take)
    read_or_refused(take_curve, take)
    written = read_or_refused(export, take, f"take{suffix}")
    assert written is None or len(written) < 1_000_000


@some
@given(keyed(["name", "singer", "singers", "phonemes", "languages", "steps", "guidance", "sampler", "fast", "style", "styles"]))
def test_any_facts_of_a_voice_are_read_or_refused_in_one_line(path, facts):
    good = {
        **{"name": "v", "singer": "ann", "singers": {"ann": {"range_cents": [5500, 7700]}}, "phonemes": ["AA"]},
        **{"languages": ["en"], "licence": "CC0-1.0", "steps": 2, "guidance": {}},
    }
    read_or_refused(read_facts, path("voice.json", json.dumps(good | facts)))


@some
@given(st.text(min_size=1, max_size=20), st.sampled_from(sorted(g2p.LANGUAGES)))
def test_any_word_is_sung_or_refused_in_one_line(word, language):
    began = time.process_time()
    try:
        assert g2p.load(language).phones(word)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    assert time.process_time() - began < 5.0
