"""Listening tests: a page that asks, answers as CSV, means and intervals.

MUSHRA after ITU-R BS.1534: every version of a song beside each other, hidden and shuffled, rated 0–100, the reference
open and hidden when there is one. AB: which of two is better, or neither. The page needs no server: sounds are inside it,
it shuffles songs and versions anew for each listener, keeps answers in the browser until they are saved as CSV.

Every version of a song is brought to one loudness (root mean square of its sounding part) so that louder does not win.
"""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from svs.audio import Audio
from svs.evaluation.intervals import bootstrap
from svs.evaluation.page import STYLE, flac_base64

KINDS = ("mushra", "ab")
REFERENCE, ANCHOR = "reference", "anchor"
QUESTIONS = {
    ("mushra", True): "How close does each version come to the reference?",
    ("mushra", False): "How natural does each version sound?",
    ("ab", False): "Which of the two sounds more natural?",
}
COLUMNS = ("test", "kind", "question", "listener", "trial", "song", "system", "other", "answer", "seconds")
ANCHOR_HZ = 3500.0
LEVEL = 10 ** (-26 / 20)
POST_SCREEN = 90.0  # BS.1534: who rates the hidden reference below this in more than 15 % of trials is left out
POST_SCREEN_SHARE = 0.15


@dataclass(frozen=True)
class ListeningTest:
    """What is asked of whom.

    sounds: {song: {system: Audio}}, the same systems for every song. left_out: songs that not every system has.
    """

    kind: str
    question: str
    sounds: dict[str, dict[str, Audio]]
    seed: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def songs(self) -> list[str]:
        return list(self.sounds)

    @property
    def systems(self) -> list[str]:
        return list(next(iter(self.sounds.values())))


@dataclass(frozen=True)
class Answer:
    """One row of the CSV. MUSHRA: answer is the system's rating 0–100. AB: "system", "other" or "neither" won."""

    kind: str
    question: str
    listener: str
    song: str
    system: str
    other: str
    answer: str
    test: str = ""


def low_anchor(audio: Audio) -> Audio:
    """The sound below 3.5 kHz, BS.1534's low anchor."""
    from scipy.signal import butter, sosfiltfilt

    top = min(ANCHOR_HZ, 0.45 * audio.sample_rate)
    filtered = sosfiltfilt(butter(8, top, fs=audio.sample_rate, output="sos"), audio.samples)
    return Audio(filtered.astype(np.float32), audio.sample_rate)


def levelled(versions: dict[str, Audio]) -> dict[str, Audio]:
    """All versions at one loudness: −26 dBFS over the parts above −40 dB of their own peak, less if one would clip."""
    gains = {}
    for name, audio in versions.items():
        size = np.abs(audio.samples)
        sounding = audio.samples[size > 0.01 * size.max(initial=0.0)]
        gains[name] = LEVEL / np.sqrt(np.mean(sounding**2)) if len(sounding) else 1.0
    peaks = [gains[name] * np.abs(audio.samples).max(initial=0.0) for name, audio in versions.items()]
    down = min(1.0, 0.98 / max(max(peaks), 1e-9))
    return {name: Audio(a.samples * np.float32(gains[name] * down), a.sample_rate) for name, a in versions.items()}


def page(test: ListeningTest) -> str:
    """The self-contained page of a test. Systems are coded by letters drawn with the seed, so a glance at the page's
    source does not give them away at once; the CSV names them."""
    order = np.random.default_rng(test.seed).permutation(len(test.systems))
    codes = {system: f"s{order[i]}" for i, system in enumerate(test.systems)}
    trials = [
        {
            "song": song,
            "sounds": dict(sorted((codes[name], flac_base64(audio)) for name, audio in levelled(versions).items())),
        }
        for song, versions in test.sounds.items()
    ]
    facts = {
        "test": "-".join([test.kind, *test.systems, str(test.seed)]),
        "kind": test.kind,
        "question": test.question,
        "names": {code: system for system, code in sorted(codes.items(), key=lambda item: item[1])},
        "reference": codes.get(REFERENCE),
        "columns": COLUMNS,
        "trials": trials,
    }
    data = json.dumps(facts, ensure_ascii=False).replace("</", "<\\/")
    return "".join(
        [HEAD, f"<title>Listening test</title><style>{STYLE}{LOOK}</style>", BODY.replace("QUESTION", html.escape(test.question)),
         f'<script type="application/json" id=data>{data}</script><script>{SCRIPT}</script></html>\n']
    )  # fmt: skip


def read_answers(text: str, name: str = "answers") -> list[Answer]:
    """The answers of a CSV that the page saved, or of several put one under the other; ";" between columns will do.

    Raises ValueError naming the line when a column is missing or an answer is none that the page can give.
    """
    heading = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in heading and "," not in heading else ",")
    missing = [column for column in COLUMNS[1:-1] if column not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"{name}: no column {missing[0]!r}; the CSV that a listening test's page saves is wanted")
    answers = []
    for line, row in enumerate(rows, 2):
        if row["kind"] == "kind":  # a second file's heading
            continue
        if row["kind"] == "mushra":
            valid = (row["answer"] or "").replace(".", "", 1).isdigit() and 0 <= float(row["answer"]) <= 100
        else:
            valid = row["kind"] == "ab" and row["answer"] in ("system", "other", "neither")
        if not valid:
            raise ValueError(f"{name}, line {line}: answer {row['answer']!r} of a {row['kind']!r} test; 0 to 100 of mushra, or "
                             "system, other or neither of ab is wanted")  # fmt: skip
        values = (row.get(key) for key in ("kind", "question", "listener", "song", "system", "other", "answer", "test"))
        answers.append(Answer(*((value or "").strip() for value in values)))
    if not answers:
        raise ValueError(f"{name}: holds no answers")
    return answers


def score_answers(answers: Sequence[Answer]) -> dict:
    """Means and 95 % intervals by system.

    {"kind", "question", "listeners", "systems": {name: Interval}, "differences": {"a - b": Interval}, "remarks", and of
    mushra "post_screened": listeners}.
    differences: of mushra, between every two systems, the better first, listener by listener, so that a strict listener is
    strict with both: an interval without 0 tells them apart.
    An answer that is there twice counts once.
    mushra: ratings; a listener who rates the hidden reference below 90 in more than 15 % of songs is left out (BS.1534).
    ab:     preference in percent, "neither" counting half for each.
    Intervals resample listeners when there are two or more, for one listener's answers go together; else songs.
    """
    kinds = {answer.kind for answer in answers}
    tests = sorted({answer.test.rpartition("-")[0] for answer in answers})  # the last part is the seed of the letters
    if len(kinds) != 1 or len({answer.question for answer in answers}) != 1 or len(tests) != 1:
        which = f" ({', '.join(tests)})" if len(tests) > 1 else ""
        raise ValueError(f"the answers are of different tests{which}; evaluate each test by itself")
    kind = kinds.pop()
    remarks, screened = [], []
    if twice := len(answers) - len(set(answers)):
        remarks.append(f"{twice} answers are there twice and count once")
    answers = list(dict.fromkeys(answers))
    asked = [(a.listener, a.song, frozenset((a.system, a.other))) for a in answers]
    if changed := sorted({one[0] for one in set(asked) if asked.count(one) > 1}):
        remarks.append(f"gave other answers to the same question: {', '.join(changed)}; are these several listeners?")
    if kind == "mushra":
        screened = _careless(answers)
        answers = [answer for answer in answers if answer.listener not in screened]
        if not answers:
            raise ValueError("no listener knew the hidden reference; nothing is left to evaluate")
        points = [(a.listener, a.song, a.system, float(a.answer)) for a in answers]
    else:
        won = {"system": 100.0, "other": 0.0, "neither": 50.0}
        points = [(a.listener, a.song, a.system, won[a.answer]) for a in answers]
        points += [(a.listener, a.song, a.other, 100.0 - won[a.answer]) for a in answers]
    listeners = sorted({listener for listener, *_ in points})
    by = 0 if len(listeners) > 1 else 1
    systems, means = {}, {}
    for system in dict.fromkeys(point[2] for point in points):
        mine = [point for point in points if point[2] == system]
        means[system] = {key: float(np.mean([p[3] for p in mine if p[by] == key])) for key in sorted({p[by] for p in mine})}
        interval = bootstrap(list(means[system].values()))
        assert interval is not None  # a system that is here has been judged
        systems[system] = asdict(interval) | {"count": len(mine)}
    if by == 1:
        remarks.append("one listener: the intervals are over songs and say nothing of other listeners")
    elif len(listeners) < 10:
        remarks.append(f"{len(listeners)} listeners: so few make intervals too narrow; 15 or more are usual")
    if screened:
        remarks.append(f"left out, for not knowing the hidden reference: {', '.join(screened)}")
    ranked = dict(sorted(systems.items(), key=lambda item: -item[1]["mean"]))
    differences = {}
    for better, worse in combinations(ranked, 2) if kind == "mushra" else ():
        both = means[better].keys() & means[worse].keys()
        if (apart := bootstrap([means[better][key] - means[worse][key] for key in sorted(both)])) is not None:
            differences[f"{better} - {worse}"] = asdict(apart)
    return {
        "kind": kind,
        "question": answers[0].question,
        "listeners": len(listeners),
        "systems": ranked,
        "differences": differences,
        "post_screened": screened,
        "remarks": remarks,
    }


def _careless(answers):
    """Listeners who rate the hidden reference below POST_SCREEN in more than POST_SCREEN_SHARE of their songs."""
    found = []
    for listener in sorted({answer.listener for answer in answers}):
        hidden = [float(a.answer) for a in answers if a.listener == listener and a.system == REFERENCE]
        if hidden and np.mean(np.array(hidden) < POST_SCREEN) > POST_SCREEN_SHARE:
            found.append(listener)
    return found


HEAD = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'

LOOK = """
main { max-width: 46rem; margin: 0 auto; } .row { display: grid; grid-template-columns: 7rem 1fr 3rem; gap: 1rem;
  align-items: center; padding: .7rem; border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; background: var(--panel); }
.row.playing { border-color: var(--good); } button { font: inherit; padding: .4rem .9rem; border-radius: 6px; cursor: pointer;
  border: 1px solid var(--soft); background: var(--paper); color: var(--ink); }
button.main { background: var(--good); color: var(--paper); border-color: var(--good); } button:disabled { opacity: .45; cursor: default; }
button.chosen { outline: 3px solid var(--good); } input[type=range] { width: 100%; accent-color: var(--good); }
.scale { display: flex; justify-content: space-between; color: var(--soft); font-size: .78rem; margin: 0 4.6rem 0 8.7rem; }
.row output { text-align: right; font-variant-numeric: tabular-nums; } .foot { display: flex; gap: .8rem; margin: 1.2rem 0; align-items: center; }
progress { width: 100%; accent-color: var(--good); } .choices { display: flex; gap: .8rem; margin: 1rem 0; flex-wrap: wrap; }
input[type=text] { font: inherit; padding: .4rem; width: 100%; max-width: 20rem; }
"""

BODY = """<main><h1>QUESTION</h1><p class=about>Use headphones in a quiet room. Listen to every version as often as you like; the
order is new for every listener. Switching keeps the place in the song.</p>
<progress id=progress value=0 max=1></progress><div id=stage></div></main>
"""

SCRIPT = """
const data = JSON.parse(document.getElementById('data').textContent), stage = document.getElementById('stage');
const shuffle = list => { for (let i = list.length - 1; i > 0; i--) { const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
  [list[i], list[j]] = [list[j], list[i]]; } return list; };
const el = (tag, text, attributes) => { const e = document.createElement(tag); if (text) e.textContent = text;
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v); return e; };
const key = 'listen-test ' + data.test + ' ' + data.trials.map(t => t.song).join(' ');
let state = null;
try { state = JSON.parse(localStorage.getItem(key)); } catch (e) {}
if (!state) state = { listener: '', order: shuffle([...data.trials.keys()]), at: -1, rows: [] };
const keep = () => { try { localStorage.setItem(key, JSON.stringify(state)); } catch (e) {} };
let current = null, sounds = {};
function play(code, row) {
  const place = current ? current.currentTime : 0, same = current === sounds[code];
  if (current) current.pause();
  document.querySelectorAll('.row').forEach(r => r.classList.remove('playing'));
  if (same && row.dataset.on) { delete row.dataset.on; return; }
  document.querySelectorAll('.row').forEach(r => delete r.dataset.on);
  current = sounds[code];
  current.currentTime = place < current.duration - 0.05 || !current.duration ? place : 0;
  current.play(); row.dataset.on = 1; row.classList.add('playing');
}
function start() {
  stage.replaceChildren(el('p', data.trials.length + ' songs. Your name or a number, so that answers can be told apart:'));
  const name = el('input', '', { type: 'text', placeholder: 'listener' }), go = el('button', 'Begin', { class: 'main' });
  const foot = el('div', '', { class: 'foot' }); foot.append(name, go); stage.append(foot);
  go.onclick = () => { state.listener = name.value.trim() || 'listener-' + crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    state.at = 0; keep(); show(); };
}
function show() {
  document.getElementById('progress').value = Math.max(0, state.at) / data.trials.length;
  if (current) current.pause(); current = null;
  if (state.at < 0) return start();
  if (state.at >= data.trials.length) return finish();
  const trial = data.trials[state.order[state.at]], codes = shuffle(Object.keys(trial.sounds)), began = Date.now();
  sounds = {}; for (const c of codes) sounds[c] = new Audio('data:audio/flac;base64,' + trial.sounds[c]);
  stage.replaceChildren(el('h2', 'Song ' + (state.at + 1) + ' of ' + data.trials.length));
  const next = el('button', 'Next', { class: 'main' }); next.disabled = true;
  const foot = el('div', '', { class: 'foot' });
  const add = (code, other, answer) => state.rows.push([data.test, data.kind, data.question, state.listener, state.at + 1, trial.song,
    data.names[code], other ? data.names[other] : '', answer, ((Date.now() - began) / 1000).toFixed(1)]);
  if (data.kind === 'mushra') {
    if (data.reference) { const row = el('div', '', { class: 'row' }), b = el('button', 'Reference');
      b.onclick = () => play(data.reference, row); row.append(b, el('span', 'what the versions are held against')); stage.append(row); }
    const scale = el('div', '', { class: 'scale' });
    for (const word of ['bad', 'poor', 'fair', 'good', 'excellent']) scale.append(el('span', word));
    stage.append(scale);
    const touched = new Set(), heard = new Set(), sliders = {};
    codes.forEach((code, i) => { const row = el('div', '', { class: 'row' }), b = el('button', 'Version ' + String.fromCharCode(65 + i));
      const slider = el('input', '', { type: 'range', min: 0, max: 100, value: 50, 'aria-label': 'rating of version ' + (i + 1) });
      const out = el('output', '–'); sliders[code] = slider;
      const ready = () => next.disabled = touched.size < codes.length || heard.size < codes.length;
      b.onclick = () => { play(code, row); heard.add(code); ready(); };
      slider.oninput = () => { out.textContent = slider.value; touched.add(code); ready(); };
      row.append(b, slider, out); stage.append(row); });
    foot.append(next, el('span', 'Hear and rate every version to go on.', { class: 'soft' }));
    next.onclick = () => { for (const code of codes) add(code, '', sliders[code].value); state.at++; keep(); show(); };
  } else {
    const heard = new Set(), choices = el('div', '', { class: 'choices' }); let answer = null;
    codes.forEach((code, i) => { const row = el('div', '', { class: 'row' }), b = el('button', 'Version ' + 'AB'[i]);
      b.onclick = () => { play(code, row); heard.add(code); next.disabled = !answer || heard.size < 2; };
      row.append(b, el('span', '')); stage.append(row); });
    [['A is better', 'system'], ['B is better', 'other'], ['neither', 'neither']].forEach(([text, value]) => {
      const b = el('button', text); choices.append(b);
      b.onclick = () => { answer = value; choices.querySelectorAll('button').forEach(x => x.classList.toggle('chosen', x === b));
        next.disabled = heard.size < 2; }; });
    stage.append(choices); foot.append(next, el('span', 'Hear both to go on.', { class: 'soft' }));
    next.onclick = () => { add(codes[0], codes[1], answer); state.at++; keep(); show(); };
  }
  stage.append(foot);
}
function finish() {
  const quote = v => /[",\\n]/.test(v) ? '"' + String(v).replaceAll('"', '""') + '"' : v;
  const text = [data.columns, ...state.rows].map(row => row.map(quote).join(',')).join('\\n') + '\\n';
  stage.replaceChildren(el('p', 'Thank you. Save the answers and send the file to whoever asked you.'));
  const save = el('a', 'Save answers as CSV', { href: URL.createObjectURL(new Blob([text], { type: 'text/csv' })),
    download: 'answers-' + state.listener.replace(/[^\\w-]/g, '_') + '.csv' });
  const again = el('button', 'Another listener'), foot = el('div', '', { class: 'foot' });
  again.onclick = () => { try { localStorage.removeItem(key); } catch (e) {} location.reload(); };
  foot.append(save, again); stage.append(foot, el('textarea', text, { rows: 8, style: 'width:100%', readonly: '' }));
}
show();
"""
