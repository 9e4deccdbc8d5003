"""English lyrics to ARPAbet: CMUdict, then what singers write, then word formation, then a small network.

Without a context a dictionary word has its citation form, exactly CMUdict's first. With one (a sung line) function
words take the form singers use ("the" before a vowel is DH IY0, "and" keeps its full vowel) and heteronyms are told
apart by their neighbours (svs/g2p/heteronyms.py).

cmudict.dict.gz is CMUdict unchanged (BSD, cmudict.LICENSE). The network for unknown words is g2p-en's
(Park & Kim 2019, Apache-2.0), read from that package's weights without importing it: the import wants NLTK downloads.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import importlib.util
import re
import unicodedata
from pathlib import Path

import numpy as np

from svs.g2p import Context, Pronouncer, straight
from svs.g2p import load as load_language
from svs.g2p.heteronyms import choose
from svs.inventory import ARPABET, adapt

HERE = Path(__file__).parent

VOICELESS = {"P", "T", "K", "F", "TH", "S", "SH", "CH", "HH"}
SIBILANT = {"S", "Z", "SH", "ZH", "CH", "JH"}
SPOKEN = {"st.": "saint", "dr.": "doctor", "dr": "doctor", "&": "and"}  # on one note too, which "drive" would fit
# syllables of refrains, longer ones before those that begin them
NONSENSE = {
    "shoop": "SH UW1 P", "shoo": "SH UW1", "sha": "SH AA1", "tra": "T R AA1", "fa": "F AA1", "la": "L AA1", "na": "N AA1",
    "ra": "R AA1", "ta": "T AA1", "da": "D AA1", "ba": "B AA1", "doo": "D UW1", "dum": "D AH1 M", "dee": "D IY1",
    "bop": "B AA1 P", "wop": "W AA1 P", "bee": "B IY1", "be": "B IY1", "hey": "HH EY1", "ho": "HH OW1", "oh": "OW1",
}  # fmt: skip
HUMMED = {"ng": "NG", "sh": "SH", "th": "TH", "h": "HH"}  # sounds of several letters, held without a vowel
LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "ð": "th", "þ": "th"}


def is_vowel(phone: str) -> bool:
    return phone[-1].isdigit()


def load(region: str = "") -> English:
    """American, or British where the region asks for it (svs/g2p/british.py)."""
    from svs.g2p.british import REGIONS, British

    return British() if region.lower() in REGIONS else English()


class English(Pronouncer):
    language = "en"

    def __init__(self):
        self.cmudict, self.lexicon = dictionaries()

    def pronunciations(self, word: str, context: Context | None = None) -> list[tuple[str, ...]]:
        text = normalize(word)
        if context is not None:
            text = SPOKEN.get(text, text)
        if re.search(r"[èé]d\W*$", unicodedata.normalize("NFC", word.lower())) and (found := self.with_ed_apart(text)):
            return found
        if not re.search("[a-z0-9&]", text):
            raise self.unreadable(word)
        found = self.known(text)
        if not found:
            parts = [part for part in re.split(r"[^a-z0-9.&']+", spell_numbers(text)) if re.search("[a-z&]", part)]
            found = combine([self.formed(part) for part in parts])
            if len(parts) == 1 and not self.formed_of_known(parts[0]):
                found = list(dict.fromkeys([*self.foreign(word, accented=True), *found, *self.foreign(word)]))
        return found if context is None else self.sung(text, found, context)

    def knows(self, word: str) -> bool:
        text = normalize(word)
        return bool(self.words(text) or self.contracted(text))

    def with_ed_apart(self, text: str) -> list[tuple[str, ...]]:
        """A word whose accent asks for its -ed as a syllable, blessèd; [] where its stem is not known."""
        if whole := self.known(text):
            return [phones if phones[-2:-1] in (("AH0",), ("IH0",)) else (*phones[:-1], "AH0", "D") for phones in whole]
        stem = self.known(text[:-1]) or self.known(text[:-2]) or self.words(text[:-1]) or self.words(text[:-2])
        return [(*phones, "AH0", "D") for phones in stem]

    def known(self, text: str) -> list[tuple[str, ...]]:
        """Pronunciations of a word that stands in CMUdict or the lexicon, or of initials (D.J.), [] otherwise."""
        for form in dict.fromkeys((text, text.rstrip("."))):
            if found := variants(self.cmudict, form) + variants(self.lexicon, form):
                return list(dict.fromkeys(found))
        if re.fullmatch(r"(?:[a-z]\.)+[a-z]\.?", text):
            return combine([variants(self.cmudict, f"{letter}.") for letter in text.replace(".", "")])
        return []

    def sung(self, text: str, found: list[tuple[str, ...]], context: Context) -> list[tuple[str, ...]]:
        """The same pronunciations, the one to sing in this place first."""
        bare = text.rstrip(".")
        if bare == "the":
            return [("DH", "IY0") if self.starts_with_vowel(context.neighbour(1)) else ("DH", "AH0")]
        if bare == "ng":  # of choirs, not the name
            return variants(self.lexicon, bare)
        chosen = choose(bare, context)
        preferred = [tuple(chosen.split())] if chosen else variants(self.lexicon, bare)
        return list(dict.fromkeys(preferred + found))

    def starts_with_vowel(self, word: str) -> bool:
        try:
            return bool(word) and is_vowel(self.phones(word)[0])
        except ValueError:
            return False

    def formed(self, text: str) -> list[tuple[str, ...]]:
        """Pronunciations of one word by dictionary, contraction, ending, compound, or at last the network."""
        text = SPOKEN.get(text, text)
        return self.formed_of_known(text) or [network().predict(re.sub("[^a-z]", "", text))]

    def formed_of_known(self, text: str) -> list[tuple[str, ...]]:
        """The same without the network; [] where nothing is known."""
        return self.known(text) or self.contracted(text) or self.interjected(text) or self.derived(text) or self.compounded(text)

    def foreign(self, word: str, accented: bool = False) -> list[tuple[str, ...]]:
        """An unknown word as German and French say it, in English phones: so it is where the score has their syllables.

        accented: only by the language whose accents it has, [] where it has none.
        """
        marks = {"de": "[äöüß]", "fr": "[àâçéèêëîïôûùœæ]"}
        readings = []
        for language, accents in marks.items():
            if not accented or re.search(accents, word.lower()):
                with contextlib.suppress(ValueError):  # letters without a sound in that language
                    readings += [adapt(phones, ARPABET)[0] for phones in load_language(language).pronunciations(word)]
        return readings

    def contracted(self, text: str) -> list[tuple[str, ...]]:
        """Words with an apostrophe: singin', bless'd, heav'n, heav'n's, conqu'ror, the Lord's."""
        if "'" not in text.strip("'") and not text.endswith("'"):
            return []
        if text.endswith("in'"):
            return [with_dropped_g(phones) for phones in self.words(text[:-1] + "g")]
        if text.endswith("'s"):
            return [plural(phones) for phones in self.formed(text[:-2])]
        if clipped := re.fullmatch("(th'|t'|o'er)([a-z']{2,})", text):
            return combine([self.known(clipped[1]), self.formed(clipped[2])])
        if text[0] == "'" or text[-1] == "'":
            return self.formed(text.strip("'"))
        if text.endswith(("'d", "'t")):
            forms = sorted((text[:-2], text[:-2] + "e"), key=lambda form: form not in self.lexicon)
            if stems := self.words(forms[0]) or self.words(forms[1]):
                return [past(phones, sung_apart=False) for phones in stems]
        if text.endswith("'st") and (stems := self.words(text[:-3])):
            return [(*phones, "S", "T") for phones in stems]
        for ending, phones in {"'ll": ("L",), "'ve": ("V",), "'re": ("R",), "'m": ("M",)}.items():
            if text.endswith(ending):
                return [stem + phones for stem in self.formed(text[: -len(ending)])]
        if text.count("'") > MOST_APOSTROPHES:
            return self.formed(text.replace("'", ""))
        forms = [text.replace("'", vowel, 1) for vowel in ("e", "o", "i", "a", "u", "ee", "v", "")]
        for find in (self.known, self.words):  # mem'ry is memory, before it is meme·ry
            for full in forms:
                if found := self.contracted(full) if "'" in full else find(full):
                    place, spelled = vowel_groups(text[: text.index("'")]), vowel_groups(text)
                    elided = [phones if nuclei(phones) <= spelled else elide(phones, place) for phones in found]
                    return sorted(elided, key=lambda phones: nuclei(phones) != spelled)
        return self.formed(text.replace("'", ""))

    def words(self, text: str) -> list[tuple[str, ...]]:
        """A known word or one with a known ending, [] otherwise."""
        return self.known(text) or self.derived(text)

    def derived(self, text: str) -> list[tuple[str, ...]]:
        """A known stem with an ending or prefix: makest, leadeth, defiled, gladness, unharmed."""
        if len(text) > LONGEST_WORD:
            return []
        for ending, spoken in ENDINGS:
            if text.endswith(ending) and len(text) - len(ending) >= 2:
                for stem in stems(text[: -len(ending)], ending):
                    if found := self.known(stem) or (self.derived(stem) if len(stem) > 4 else []):
                        return [spoken(phones) for phones in found]
        for prefix, phones in PREFIXES.items():
            if text.startswith(prefix) and len(text) - len(prefix) >= 4 and (found := self.words(text[len(prefix) :])):
                return [phones + stem for stem in found]
        return []

    def compounded(self, text: str) -> list[tuple[str, ...]]:
        """Two known words written as one, cut as evenly as possible: forever·more, dew·pearl."""
        cuts = sorted(range(4, len(text) - 3), key=lambda cut: abs(2 * cut - len(text)))
        for cut in cuts:
            first, second = self.known(text[:cut]), self.words(text[cut:])
            if first and second:
                return combine([first, [unstressed_once(phones) for phones in second]])
        return []

    def interjected(self, text: str) -> list[tuple[str, ...]]:
        """Drawn-out cries and refrains: ohhh, aaah, lalala, mmmm."""
        if hummed := re.fullmatch(r"([bdfghlmnprsvz])\1+|(ng|sh|th)(?:g|h)*", text):
            return [(HUMMED.get(hummed[2] or "") or HUMMED.get(hummed[1]) or hummed[1].upper(),)]
        plain = re.sub(r"(.)\1{2,}", r"\1", text)
        if plain != text and (found := self.known(plain) or self.known(re.sub(r"(.)\1{2,}", r"\1\1", text))):
            return found
        if repeated := re.fullmatch(r"((?:la|na|da|ha|ba|do|doo|ho|he|hey|wo|ya|ye)h?)\1+", text):
            once = self.known(repeated[1])
            return [phones * (len(text) // len(repeated[1])) for phones in once]
        sounds = "|".join(NONSENSE)
        if re.fullmatch(f"(?:{sounds}){{2,}}", text):  # tralala, shoobedoo
            return [tuple(" ".join(NONSENSE[sound] for sound in re.findall(sounds, text)).split())]
        return []


@functools.cache
def dictionaries() -> tuple[dict[str, str], dict[str, str]]:
    """CMUdict and the words as singers meet them."""
    with gzip.open(HERE / "cmudict.dict.gz", "rt", encoding="utf-8") as file:
        cmudict = read_dictionary(file.read())
    return cmudict, read_dictionary((HERE / "english.lexicon").read_text(encoding="utf-8"))


def read_dictionary(text: str) -> dict[str, str]:
    """Word → its phones in one string; further pronunciations have keys like "read(2)"."""
    return dict(line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("# "))


def variants(dictionary: dict[str, str], word: str) -> list[tuple[str, ...]]:
    keys = [word]
    while keys[-1] in dictionary:
        keys.append(f"{word}({len(keys) + 1})")
    keys.pop()
    return [tuple(dictionary[key].split(" #")[0].split()) for key in keys]


def normalize(word: str) -> str:
    """Lower case, plain apostrophes, no accents, no punctuation around; apostrophes and final points stay."""
    text = straight(word)  # before NFKC, which takes ´ for an accent upon a space
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(LETTERS.get(letter, letter) for letter in text)
    text = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    text = re.sub(r"^[^a-z0-9'&]+|[^a-z0-9'.&]+$", "", text)
    if text.startswith("'") and text.endswith("'") and len(text) > 2 and text != "'n'":
        text = text[1:-1]
    return re.sub(r"[^a-z0-9'.&]+$", "", text)


LONGEST_WORD = 45  # letters; longer ones are no words that are formed of others
MOST_APOSTROPHES = 2  # inside a word, each of which may stand for any vowel: fo'c'sle
LONGEST_NUMBER = 12  # digits; longer ones are read out digit by digit
YEAR = re.compile("1[1-9][1-9][0-9]|20[1-9][0-9]")  # read as two numbers
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
THOUSANDS = {10**9: "billion", 10**6: "million", 1000: "thousand"}
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def spell_numbers(text: str) -> str:
    """Digits as words: 12 → twelve, 1st → first, 49ers → forty niners, 1,000 → one thousand; 1999, a year, nineteen ninety
    nine."""

    def words(number: re.Match) -> str:
        whole, _, decimals = number["digits"].replace(",", "").partition(".")
        if YEAR.fullmatch(number["digits"]) and not number["ordinal"]:
            spoken = f"{cardinal(int(whole[:2]))} {cardinal(int(whole[2:]))}"
        elif len(whole) > LONGEST_NUMBER:
            spoken = read_out(whole)
        else:
            spoken = cardinal(int(whole))
        if decimals:
            spoken += f" point {read_out(decimals)}"
        *before, last = spoken.split()
        if number["ordinal"]:
            last = ORDINALS.get(last) or re.sub("y$", "ie", last) + "th"
        elif number["person"]:
            last = last.removesuffix("e") + number["person"]
        spoken = " ".join([*before, last])
        return f" {spoken} "

    numeral = r"(?P<digits>\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?)(?:(?P<ordinal>st|nd|rd|th)|(?P<person>ers?)\b)?"
    return re.sub(numeral, words, text).replace(",", " ").strip()


def read_out(digits: str) -> str:
    return " ".join(ONES[int(digit)] for digit in digits)


def cardinal(number: int) -> str:
    """105 → one hundred and five; below 10 ** LONGEST_NUMBER."""
    for size, name in THOUSANDS.items():
        if number >= size:
            rest = number % size
            return f"{cardinal(number // size)} {name}{' and' if 0 < rest < 100 else ''}{f' {cardinal(rest)}' if rest else ''}"
    if number >= 100:
        return f"{ONES[number // 100]} hundred{f' and {cardinal(number % 100)}' if number % 100 else ''}"
    if number >= 20:
        return TENS[number // 10 - 2] + (f" {ONES[number % 10]}" if number % 10 else "")
    return ONES[number]


def combine(words: list[list[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """Likeliest pronunciations joined, then each word's alternatives one at a time."""
    best = [found[0] for found in words]
    result = [sum(best, ())]
    for place, found in enumerate(words):
        for other in found[1:]:
            result.append(sum([*best[:place], other, *best[place + 1 :]], ()))
    return list(dict.fromkeys(result))


def plural(phones: tuple[str, ...]) -> tuple[str, ...]:
    if phones[-1] in SIBILANT:
        return (*phones, "IH0", "Z")
    return (*phones, "S" if phones[-1] in VOICELESS else "Z")


def past(phones: tuple[str, ...], sung_apart: bool = True) -> tuple[str, ...]:
    """With "-ed"; sung_apart: after T and D the ending is a syllable (else the poet's bless'd leaves none)."""
    if phones[-1] in ("T", "D"):
        return (*phones, "IH0", "D") if sung_apart else phones
    return (*phones, "T" if phones[-1] in VOICELESS else "D")


def with_dropped_g(phones: tuple[str, ...]) -> tuple[str, ...]:
    return (*phones[:-1], "N") if phones[-1] == "NG" else phones


def appended(*ending: str):
    return lambda phones: phones + ending


def comparative(phones: tuple[str, ...]) -> tuple[str, ...]:
    return (*phones, "ER0")


def adverb(phones: tuple[str, ...]) -> tuple[str, ...]:
    return phones + (("IY0",) if phones[-1] == "L" else ("L", "IY0"))


ENDINGS = [
    ("eed", lambda phones: (*phones, "AH0", "D")),  # love-ed, engraved with both
    ("ing", appended("IH0", "NG")),
    ("in", lambda phones: (*phones, "IH0", "N")),
    ("ed", past),
    ("eth", appended("AH0", "TH")),
    ("est", appended("AH0", "S", "T")),
    ("edst", lambda phones: (*past(phones), "S", "T")),
    ("ness", appended("N", "AH0", "S")),
    ("less", appended("L", "AH0", "S")),
    ("ful", appended("F", "AH0", "L")),
    ("some", appended("S", "AH0", "M")),
    ("ward", appended("W", "ER0", "D")),
    ("wards", appended("W", "ER0", "D", "Z")),
    ("ment", appended("M", "AH0", "N", "T")),
    ("hood", appended("HH", "UH2", "D")),
    ("ship", appended("SH", "IH0", "P")),
    ("most", appended("M", "OW2", "S", "T")),
    ("ly", adverb),
    ("ers", lambda phones: (*comparative(phones), "Z")),
    ("er", comparative),
    ("ish", appended("IH0", "SH")),
    ("y", appended("IY0")),
    ("en", appended("AH0", "N")),
    ("es", plural),
    ("s", plural),
]
PREFIXES = {
    "un": ("AH0", "N"),
    "re": ("R", "IY0"),
    "be": ("B", "IH0"),
    "dis": ("D", "IH0", "S"),
    "mis": ("M", "IH0", "S"),
    "out": ("AW1", "T"),
    "over": ("OW1", "V", "ER0"),
    "inter": ("IH2", "N", "T", "ER0"),
    "fore": ("F", "AO1", "R"),
    "in": ("IH0", "N"),
}


def stems(rest: str, ending: str) -> list[str]:
    """Spellings a stem may have had: mak(est) → make, knock, stopp(ing) → stop, happi(ness) → happy."""
    forms = [rest]
    if ending[0] in "aeiouy":
        doubled = len(rest) > 2 and rest[-1] == rest[-2]
        if doubled:
            forms.append(rest[:-1])
        hidden_e = rest[-1] in "cgvzsu" or re.fullmatch("[^aeiouy]*[aeiouy][^aeiouywx]", rest)
        forms.insert(0 if hidden_e and not doubled else len(forms), rest + "e")
    if rest.endswith("i"):
        forms.insert(0, rest[:-1] + "y")
    return [form for form in forms if ending != "s" or not rest.endswith(("s", "'"))]


def unstressed_once(phones: tuple[str, ...]) -> tuple[str, ...]:
    """Primary stress made secondary: the second half of a compound."""
    return tuple(phone.replace("1", "2") for phone in phones)


def vowel_groups(letters: str) -> int:
    """Syllables as the spelling suggests, a silent final e not counted."""
    return len(re.findall("[aeiouy]+", re.sub("(?<=[^aeiouyl'])es?$", "", letters.replace("qu", "q"))))


def nuclei(phones: tuple[str, ...]) -> int:
    return sum(map(is_vowel, phones))


def elide(phones: tuple[str, ...], place: int) -> tuple[str, ...]:
    """Without the unstressed vowel at or next to the place-th nucleus: HH EH1 V AH0 N → HH EH1 V N; ER0 leaves R."""
    nuclei = [index for index, phone in enumerate(phones) if is_vowel(phone)]
    for candidate in (place, place + 1, place - 1):
        if 0 <= candidate < len(nuclei) and phones[nuclei[candidate]][-1] == "0":
            index = nuclei[candidate]
            left = {"ER0": ("R",), "OW0": ("W",), "UW0": ("W",)}.get(phones[index], ())
            if phones[index + 1 : index + 2] == left:
                left = ()
            return phones[:index] + left + phones[index + 1 :]
    return phones


@functools.cache
def network() -> Network:
    return Network()


class Network:
    """g2p-en's encoder–decoder: two GRUs over letters and phones, greedy.

    https://github.com/Kyubyong/g2p/blob/master/g2p_en/g2p.py
    """

    LETTERS = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
    PHONES = (
        "<pad>", "<unk>", "<s>", "</s>", "AA0", "AA1", "AA2", "AE0", "AE1", "AE2", "AH0", "AH1", "AH2", "AO0", "AO1",
        "AO2", "AW0", "AW1", "AW2", "AY0", "AY1", "AY2", "B", "CH", "D", "DH", "EH0", "EH1", "EH2", "ER0", "ER1", "ER2",
        "EY0", "EY1", "EY2", "F", "G", "HH", "IH0", "IH1", "IH2", "IY0", "IY1", "IY2", "JH", "K", "L", "M", "N", "NG",
        "OW0", "OW1", "OW2", "OY0", "OY1", "OY2", "P", "R", "S", "SH", "T", "TH", "UH0", "UH1", "UH2", "UW", "UW0",
        "UW1", "UW2", "V", "W", "Y", "Z", "ZH",
    )  # fmt: skip
    START, END = 2, 3

    def __init__(self):
        package = importlib.util.find_spec("g2p_en")
        if package is None:
            raise ModuleNotFoundError("words outside the dictionary need the package g2p-en: pip install g2p-en")
        with np.load(Path(package.submodule_search_locations[0]) / "checkpoint20.npz") as weights:
            self.weights = {name: weights[name] for name in weights.files}

    def step(self, part: str, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """One GRU step. x: (embedding,), h: (hidden,) → (hidden,)."""
        w = self.weights
        of_x = w[f"{part}_w_ih"] @ x + w[f"{part}_b_ih"]
        of_h = w[f"{part}_w_hh"] @ h + w[f"{part}_b_hh"]
        gates = 1 / (1 + np.exp(-(of_x + of_h)[: 2 * len(h)]))
        reset, update = gates[: len(h)], gates[len(h) :]
        new = np.tanh(of_x[2 * len(h) :] + reset * of_h[2 * len(h) :])
        return (1 - update) * new + update * h

    def predict(self, letters: str) -> tuple[str, ...]:
        """Phones of a-z letters. Raises ValueError where the network finds none."""
        w = self.weights
        h = np.zeros(w["enc_w_hh"].shape[1], np.float32)
        for letter in [*letters, "</s>"]:
            h = self.step("enc", w["enc_emb"][self.LETTERS.index(letter)], h)
        phones, last = [], self.START
        for _ in range(3 * len(letters) + 5):
            h = self.step("dec", w["dec_emb"][last], h)
            last = int(np.argmax(w["fc_w"] @ h + w["fc_b"]))
            if last == self.END:
                break
            phones.append("UW1" if self.PHONES[last] == "UW" else self.PHONES[last])
        spoken = tuple(phone for phone in phones if not phone.startswith("<"))
        if not spoken:
            raise ValueError(f"{letters!r} could not be pronounced")
        return spoken
