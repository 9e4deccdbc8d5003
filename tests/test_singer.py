"""A real singer's contour, against the rules and against shapes learned from that singer."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.singer import borders, fit, lay, main, read_singer
from svs.units import cents_to_hz

VOCADITO = Path(__file__).resolve().parents[2] / "shared" / "cases" / "21_pitch_vocadito"


def songs_of_known_shape(tmp_path, scoop=-40.0):
    """Twelve notes half a second long in pairs with rests between; every pair begins below its first note."""
    onsets = np.array([0.5 + 1.5 * (i // 2) + 0.5 * (i % 2) for i in range(12)])
    cents = 6000.0 + 100 * (np.arange(12) * 5 % 7)
    seconds = np.arange(0, onsets[-1] + 1, 0.01)
    hz = np.zeros(len(seconds))
    for i, onset in enumerate(onsets):
        at = (seconds >= onset - 1e-9) & (seconds < onset + 0.5 - 1e-9)
        below = scoop if i % 2 == 0 else 0.0
        hz[at] = cents_to_hz(cents[i] + below * (seconds[at] < onset + 0.1 - 1e-9))
    np.savetxt(tmp_path / "f0.csv", np.column_stack([seconds, hz]), delimiter=",")
    notes = np.column_stack([onsets, cents_to_hz(cents), np.full(12, 0.5)])
    np.savetxt(tmp_path / "notes.csv", notes, delimiter=",")
    return tmp_path / "f0.csv", tmp_path / "notes.csv"


def test_shapes_find_the_scoop_they_were_fitted_to(tmp_path):
    singer, notes = read_singer(*songs_of_known_shape(tmp_path))
    bare = np.full(len(singer.cents), 6000.0)
    shapes = fit(borders(notes), np.where(singer.voiced, -40.0, 0.0), singer.voiced)
    start = next(place for place in borders(notes) if place.kind == "start")
    laid = lay(shapes, [start], bare)
    assert laid[start.frame] == pytest.approx(6000 - 40 * 6 / (6 + 3)), "six notes against a ridge of three"
    assert laid[start.frame - 1] == 6000


def test_learning_helps_where_every_note_is_sung_alike(tmp_path, capsys):
    figures = main([str(path) for path in songs_of_known_shape(tmp_path)])
    assert figures["learned"]["rms"] < 0.7 * figures["bare notes"]["rms"]


@pytest.mark.skipif(not VOCADITO.is_dir(), reason="vocadito is not there")
@pytest.mark.parametrize("annotator", ["A1", "A2"])
def test_rules_come_nearer_to_a_real_singer_than_bare_notes(annotator):
    figures = main([str(VOCADITO / "vocadito_1_f0.csv"), str(VOCADITO / f"vocadito_1_notes{annotator}.csv")])
    assert figures["rules"]["rms"] < 0.95 * figures["bare notes"]["rms"]
    assert figures["rules"]["edges_rms"] < 0.95 * figures["bare notes"]["edges_rms"]
