"""recipes/guidance: figures against the scale of each condition, as table, picture and JSON; what diversity is."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import warm
from singers import tone
from tiny_voices import write_voice

from benchmarks import guidance
from svs.audio import Audio
from svs.evaluation.spectrum import mel_distance

ROOT = Path(__file__).parent.parent
SIZES = {"lyrics": 0, "pitch": 0, "speaker": 0, "style": 2}
SONG = "#TITLE:a\n#BPM:300\n: 0 4 0 la\n: 5 4 4 lo\nE\n"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The folder that a small run leaves, and what it printed."""
    root = tmp_path_factory.mktemp("guidance")
    voice = write_voice(root / "tiny", conditions=SIZES, styles=["plain", "strong"], guidance={}, steps=1)
    (root / "song.txt").write_text(SONG)
    out = root / "out"
    line = ["--voice", voice, "--songs", root / "song.txt", "--scales", "1", "3", "--style", "strong", "--no-words"]
    line = [*map(str, line), "--out", str(out)]
    command = [str(ROOT / "recipes/guidance/run.sh"), *line]
    environment = {**os.environ, "PYTHON": warm.python()}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return out, said.stdout, line


def test_every_condition_has_a_row_for_every_scale(swept):
    out, said, _ = swept
    rows = json.loads((out / "guidance.json").read_text())["rows"]
    wanted = [(name, scale) for name in SIZES for scale in (1.0, 3.0)]
    assert [(row["condition"], row["scale"]) for row in rows] == wanted
    figures = [(row["pitch_error_cents"], row["word_error_rate"], row["diversity_nepers"]) for row in rows]
    assert len(set(figures[::2])) == 1  # at scale 1 nothing is guided
    assert len(set(figures)) == 5
    for cents, wrong, nepers in figures:
        assert 0 <= cents < 100 and wrong is None and nepers > 0
    assert said in (out / "guidance.md").read_text()
    cells = [re.split(r" *\| *", row)[1:3] for row in said.splitlines()[2:4]]
    assert cells == [["lyrics", "1.000"], ["lyrics", "3.000"]]
    assert (out / "guidance.png").read_bytes()[:4] == b"\x89PNG"


def test_renders_that_are_there_are_measured_again_and_not_sung(swept, monkeypatch, capsys):
    _, said, line = swept
    monkeypatch.setattr(guidance, "sing", lambda *args, **kwargs: pytest.fail("sung again"))
    guidance.main(line)
    assert capsys.readouterr().out == said


def test_diversity_is_the_mean_mel_distance_between_pairs():
    sounds = [tone(cents, 0.3)[0] for cents in (6000, 6200, 6700)]
    pairs = [mel_distance(sounds[i].samples, sounds[j].samples, 44_100) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert guidance.diversity(sounds) == pytest.approx(np.mean(pairs))
    assert guidance.diversity([sounds[0]] * 3) == 0.0
    louder = Audio(np.float32(2.0) * sounds[0].samples, 44_100)
    assert guidance.diversity([sounds[0], louder]) == pytest.approx(np.log(2), abs=0.02)  # nepers: e-fold amplitudes
    with pytest.raises(ValueError, match="at least 2 seeds"):
        guidance.diversity(sounds[:1])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seeds", "1"], "--seeds is 1; diversity wants 2 or more"),
        (["--songs", "none.musicxml"], "none.musicxml: no such score"),
        (["--conditions", "text"], "voice 'tiny' has no condition 'text'; it has lyrics, pitch, speaker, style"),
    ],
)
def test_what_cannot_be_swept_is_told_in_one_line(swept, options, says, capsys):
    _, _, line = swept
    with pytest.raises(SystemExit) as ended:
        guidance.main([*line, *options])
    said = capsys.readouterr().err.strip()
    assert ended.value.code == 2 and says in said and "\n" not in said
