"""Miniature copies of public corpora: their publishers' folders, names and label formats, and what they should give.

Each writer makes a copy below a folder. EXPECTED has of every corpus the number of clips, and of one clip its speaker,
language, phones as (symbol, start, end) and notes as (onset, duration, cents).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from singers import sing_contour

from svs.audio import Audio


def sound(path: Path, seconds: float, sample_rate: int = 44_100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Audio(np.full(round(seconds * sample_rate), 0.01, np.float32), sample_rate).write(path)


def text(path: Path, content: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))


def hts(*rows: tuple[float, float, str]) -> str:
    return "".join(f"{round(start * 1e7)} {round(end * 1e7)} {symbol}\n" for start, end, symbol in rows)


def textgrid(end: float, **tiers) -> str:
    """Praat's long format; tiers: name → rows (start, end, text)."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end}",
        "tiers? <exists>",
    ]
    lines += [f"size = {len(tiers)}", "item []:"]
    for number, (name, rows) in enumerate(tiers.items(), 1):
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
        ]
        lines += [f"        xmax = {end}", f"        intervals: size = {len(rows)}"]
        for place, (start, stop, said) in enumerate(rows, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start}", f"            xmax = {stop}"]
            lines += [f'            text = "{said}"']
    return "\n".join(lines) + "\n"


def write_nit_song070(folder: Path) -> None:
    """data/raw/*.raw without a header, labels/mono and labels/full beside it, as in the demo of HTS."""
    name = "nitech_jp_song070_f001_003"
    samples = np.full(2 * 48_000, 327, "<i2")
    (folder / "data/raw").mkdir(parents=True, exist_ok=True)
    (folder / f"data/raw/{name}.raw").write_bytes(samples.tobytes())
    rows = [
        (0.0, 0.5, "p", "xx^pau-k+a=k", "xx]xx"), (0.5, 0.6, "c", "pau^k-a+k=u", "E4]4"), (0.6, 1.0, "v",
        "k^a-k+u=pau", "E4]4"),
        (1.0, 1.1, "c", "a^k-u+pau=xx", "G4]7"), (1.1, 1.6, "v", "k^u-pau+xx=xx", "G4]7"), (1.6, 2.0, "p",
        "u^pau-xx+xx=xx", "xx]xx"),
    ]  # fmt: skip
    phones = ["pau", "k", "a", "k", "u", "pau"]
    full = "".join(
        f"{round(start * 1e7)} {round(end * 1e7)} {kind}@xx^xx-{phone}+xx=xx_xx%xx^00/A:xx"
        f"/E:{note}^0=4/4~100!1@60/F:xx#xx\n"
        for (start, end, kind, _, note), phone in zip(rows, phones, strict=True)
    )
    text(folder / f"data/labels/full/{name}.lab", full)
    mono = hts(*((start, end, phone) for (start, end, *_), phone in zip(rows, phones, strict=True)))
    text(folder / f"data/labels/mono/{name}.lab", mono)


def write_kiritan(folder: Path) -> None:
    for song in ("01", "02"):
        sound(folder / f"wav/{song}.wav", 2.0, 96_000)
        rows = [
            (0, 0.5, "pau"),
            (0.5, 0.6, "ky"),
            (0.6, 1.0, "o"),
            (1.0, 1.2, "N"),
            (1.2, 1.3, "cl"),
            (1.3, 1.4, "br"),
            (1.4, 2.0, "sil"),
        ]
        text(folder / f"mono_label/{song}.lab", hts(*rows))
        text(folder / f"midi_label/{song}.lab", "")  # there too, and none of phones


def write_pjs(folder: Path) -> None:
    for song in ("pjs001", "pjs002"):
        sound(folder / f"{song}/{song}_song.wav", 1.5, 48_000)
        sound(folder / f"{song}/{song}_speech.wav", 1.0, 48_000)
        text(folder / f"{song}/{song}.lab", hts((0, 0.3, "pau"), (0.3, 0.4, "w"), (0.4, 0.9, "a"), (0.9, 1.5, "pau")))


def write_csd(folder: Path) -> None:
    sound(folder / "english/wav/en001a.wav", 3.0)
    rows = ["start,end,pitch,syllable", "0.500000,1.000000,60,t_w_ih_ng", "1.000000,1.600000,67,k_ax_l"]
    text(folder / "english/csv/en001a.csv", "\n".join(rows) + "\n")
    sound(folder / "korean/wav/kr001b.wav", 3.0)
    text(folder / "korean/csv/kr001b.csv", "start,end,pitch,syllable\n1.0,1.5,62,g_o_m\n1.5,2.0,62,s_e\n")


def write_vocalset(folder: Path) -> None:
    sound(folder / "FULL/female1/long_tones/straight/f1_long_straight_e.wav", 1.0)
    sound(folder / "FULL/female1/excerpts/vibrato/f1_row_vibrato.wav", 1.0)
    sound(folder / "FULL/male11/arpeggios/fast_forte/m11_arpeggios_c_fast_forte_a.wav", 1.0)


def write_gtsinger(folder: Path) -> None:
    words = [
        {
            "word": "<SP>", "start_time": 0.0, "end_time": 0.4, "ph": ["<SP>"], "ph_start": [0.0],
            "ph_end": [0.4], "note": [0],
            "note_start": [0.0], "note_end": [0.4],
        },
        {
            "word": "alone", "start_time": 0.4, "end_time": 1.4, "ph": ["AH0", "L", "OW1", "N"],
            "ph_start": [0.4, 0.5, 0.6, 1.2],
            "ph_end": [0.5, 0.6, 1.2, 1.4], "note": [64, 65], "note_start": [0.4, 0.6], "note_end": [0.6, 1.4],
        },
    ]  # fmt: skip
    song = folder / "English/EN-Alto-1/Breathy/alone"
    for group in ("Breathy_Group", "Control_Group", "Paired_Speech_Group"):
        sound(song / group / "0000.wav", 1.5, 48_000)
        text(song / group / "0000.json", json.dumps(words))


def write_opencpop(folder: Path) -> None:
    sound(folder / "segments/wavs/2001000001.wav", 2.0)
    sound(folder / "segments/wavs/2001000002.wav", 1.0)
    rows = [
        "2001000001|感受停|SP g an sh ou ou AP t ing SP|rest C4 C4 D4 D4 E4 rest F#4/Gb4 F#4/Gb4 rest|"
        "0.2 0.4 0.4 0.5 0.5 0.3 0.1 0.4 0.4 0.4|0.2 0.1 0.3 0.1 0.4 0.3 0.1 0.1 0.3 0.1|0 0 0 0 0 1 0 0 0 0",
        "2001000002|在|z ai|A3 A3|1.0 1.0|0.2 0.8|0 0",
    ]
    text(folder / "segments/transcriptions.txt", "\n".join(rows) + "\n")


def write_m4singer(folder: Path) -> None:
    sound(folder / "Alto-1#美错/0000.wav", 1.5, 48_000)
    item = {
        "item_name": "Alto-1#美错#0000", "txt": "只是", "phs": ["<AP>", "zh", "i", "sh", "i", "i"], "is_slur": [0, 0,
        0, 0, 0, 1],
        "ph_dur": [0.3, 0.1, 0.3, 0.2, 0.3, 0.3], "notes": [0, 60, 60, 62, 62, 64], "notes_dur": [0.3, 0.4, 0.4,
        0.5, 0.5, 0.3],
    }  # fmt: skip
    text(folder / "meta.json", json.dumps([item]))


def sung_morae(path: Path, onsets, closures) -> None:
    """Vowels at 220 Hz from each onset on, silent so many seconds before the next one."""

    def contour(times):
        voiced = (times >= onsets[0]) & (times < onsets[-1] + 0.5)
        for onset, closure in zip(onsets, closures, strict=True):
            voiced &= ~((times >= onset - closure) & (times < onset))
        return np.full(len(times), 5700.0), voiced

    path.parent.mkdir(parents=True, exist_ok=True)
    sing_contour(contour, onsets[-1] + 1.0)[0].write(path)


def write_utau(folder: Path) -> None:
    """Two banks: one of the VCV kind, one of the CV kind, whose recordings hold a single mora."""
    sung_morae(folder / "A3/_あかあさ.wav", [1.3, 1.9, 2.5, 3.1], [0, 0.08, 0, 0.14])
    aliases = zip(["- あ", "a か", "a あ", "a さ"], [1.3, 1.9, 2.5, 3.1], strict=True)
    rows = [f"_あかあさ.wav={alias}A3,{1000 * onset - 300:.0f},400,-700,300,150" for alias, onset in aliases]
    text(folder / "A3/oto.ini", "\r\n".join(rows), "cp932")
    sung_morae(folder / "CV/か.wav", [0.6], [0.08])
    sound(folder / "CV/breath.wav", 1.0)
    text(folder / "CV/oto.ini", "か.wav=,420,300,-200,180,40\r\nbreath.wav=br,0,1,1,0,0\r\n", "cp932")


def write_folder(folder: Path) -> None:
    phones = [(0, 0.5, "sp"), (0.5, 0.7, "M"), (0.7, 1.2, "AY1"), (1.2, 2, "")]
    words = [(0, 0.5, ""), (0.5, 1.2, "my"), (1.2, 2, "")]
    notes = [(0, 0.7, ""), (0.7, 1.2, "C#4"), (1.2, 2, "")]
    for take in ("first", "second"):
        sound(folder / f"{take}.wav", 2.0)
        text(folder / f"{take}.TextGrid", textgrid(2, words=words, phones=phones, notes=notes))


WRITERS = {
    "nit_song070": write_nit_song070, "kiritan": write_kiritan, "pjs": write_pjs, "csd": write_csd,
    "vocalset": write_vocalset,
    "gtsinger": write_gtsinger, "opencpop": write_opencpop, "m4singer": write_m4singer, "utau": write_utau,
    "folder": write_folder,
}  # fmt: skip

# corpus → clips, and of the clip whose id ends so: speaker, language, phones, notes
EXPECTED = {
    "nit_song070": (
        1, "f001_003", "nit_f001", "ja",
        [("SIL", 0, 0.5), ("K", 0.5, 0.6), ("a", 0.6, 1.0), ("K", 1.0, 1.1), ("ɯ", 1.1, 1.6), ("SIL", 1.6, 2.0)],
        [(0.6, 0.4, 6400), (1.1, 0.5, 6700)],
    ),
    "kiritan": (
        2, "01", "kiritan", "ja",  # ky is K and Y, by what such sounds typically take
        [("SIL", 0, 0.5), ("K", 0.5, 0.5 + 0.1 * 2 / 3), ("Y", 0.5 + 0.1 * 2 / 3, 0.6), ("o", 0.6, 1.0), ("ɴ",
        1.0, 1.2),
         ("ʔ", 1.2, 1.3), ("BR", 1.3, 1.4), ("SIL", 1.4, 2.0)],
        [],
    ),
    "pjs": (2, "pjs001", "pjs", "ja", [("SIL", 0, 0.3), ("W", 0.3, 0.4), ("a", 0.4, 0.9), ("SIL", 0.9, 1.5)], []),
    "csd": (2, "en001a", "csd", "en", None, [(0.5, 0.5, 6000), (1.0, 0.6, 6700)]),
    "vocalset": (3, "f1_long_straight_e", "f1", None, None, []),
    "gtsinger": (
        2, "Breathy_Group/0000", "EN-Alto-1", "en",
        [("SIL", 0, 0.4), ("AH", 0.4, 0.5), ("L", 0.5, 0.6), ("OW", 0.6, 1.2), ("N", 1.2, 1.4), ("SIL", 1.4, 1.5)],
        [(0.4, 0.2, 6400), (0.6, 0.8, 6500)],
    ),
    "opencpop": (
        2, "2001000001", "opencpop", "zh",
        [("SIL", 0, 0.2), ("G", 0.2, 0.3), ("a", 0.3, 0.3 + 0.3 * 5 / 6.5), ("N", 0.3 + 0.3 * 5 / 6.5, 0.6),
        ("SH", 0.6, 0.7),
         ("OW", 0.7, 1.1), ("OW", 1.1, 1.4), ("BR", 1.4, 1.5), ("T", 1.5, 1.6), ("IY", 1.6, 1.6 + 0.3 * 5 / 6.5),
         ("NG", 1.6 + 0.3 * 5 / 6.5, 1.9), ("SIL", 1.9, 2.0)],
        [(0.3, 0.3, 6000), (0.7, 0.4, 6200), (1.1, 0.3, 6400), (1.6, 0.3, 6600)],
    ),
    "m4singer": (
        1, "美错/0000", "Alto-1", "zh",
        [("BR", 0, 0.3), ("JH", 0.3, 0.4), ("ɯ", 0.4, 0.7), ("SH", 0.7, 0.9), ("ɯ", 0.9, 1.2), ("ɯ", 1.2, 1.5)],
        [(0.4, 0.3, 6000), (0.9, 0.3, 6200), (1.2, 0.3, 6400)],
    ),
    "utau": (3, "A3/_あかあさ", "copy", "ja", None, []),
    "folder": (
        2, "first", "copy", "en", [("SIL", 0, 0.5), ("M", 0.5, 0.7), ("AY", 0.7, 1.2), ("SIL", 1.2, 2.0)], [(0.7,
        0.5, 6100)],
    ),
}  # fmt: skip
