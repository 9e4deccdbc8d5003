"""Japanese in kana or romaji: one vowel a mora. Kanji have no one reading and are refused; write them in kana.

っ on a note of its own is silence, before a consonant it doubles it; ー takes up the vowel before it. は and へ
are sung as they are written: write わ and え where the particles are meant.
"""

from __future__ import annotations

import re
import unicodedata

from svs.g2p import Context, Pronouncer, straight

CONSONANTS = {
    "": "", "k": "K", "g": "G", "s": "S", "z": "Z", "t": "T", "d": "D", "n": "N", "h": "HH", "b": "B", "p": "P",
    "m": "M", "y": "Y", "r": "ɾ", "l": "ɾ", "w": "W", "v": "V", "f": "ɸ", "sh": "ɕ", "ch": "tɕ", "j": "dʑ",
    "ts": "ts",
    "ky": "K Y", "gy": "G Y", "ny": "N Y", "hy": "HH Y", "by": "B Y", "py": "P Y", "my": "M Y", "ry": "ɾ Y",
    "ly": "ɾ Y",    "ty": "T Y", "dy": "D Y", "fy": "ɸ Y", "vy": "V Y", "kw": "K W", "gw": "G W",
    "sy": "ɕ", "zy": "dʑ", "jy": "dʑ", "cy": "tɕ", "c": "K",
}  # fmt: skip
VOWELS = {"a": "a1", "i": "IY1", "u": "ɯ1", "e": "e1", "o": "o1"}

ROWS = """
あ a い i う u え e お o ぁ a ぃ i ぅ u ぇ e ぉ o か ka き ki く ku け ke こ ko が ga ぎ gi ぐ gu
げ ge ご go さ sa し shi す su せ se そ so ざ za じ ji ず zu ぜ ze ぞ zo た ta ち chi つ tsu て te
と to だ da ぢ ji づ zu で de ど do な na に ni ぬ nu ね ne の no は ha ひ hi ふ fu へ he ほ ho ば ba
び bi ぶ bu べ be ぼ bo ぱ pa ぴ pi ぷ pu ぺ pe ぽ po
ま ma み mi む mu め me も mo や ya ゆ yu よ yo ら ra り ri る ru れ re ろ ro わ wa ゐ i ゑ e を o
ゔ vu ゃ ya ゅ yu ょ yo ゎ wa
"""
KANA = dict(zip(ROWS.split()[::2], ROWS.split()[1::2], strict=True))
KUNREI = {"si": "shi", "zi": "ji"}
SMALL = {"ゃ": "ya", "ゅ": "yu", "ょ": "yo", "ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o", "ゎ": "wa"}
MORA = re.compile(r"(ts|sh|ch|[kgnhbpmrltdfvszjc]y|[kg]w|[kgsztdnhbpmyrlwvfjc])?([aiueo])")


def load(region: str = "") -> Japanese:
    return Japanese()


class Japanese(Pronouncer):
    language = "ja"

    def pronunciations(self, word: str, context: Context | None = None) -> list[tuple[str, ...]]:
        text = hiragana(word)
        if not any(letter.isalpha() or letter == "ー" for letter in text):
            raise self.unreadable(word)
        kanji = [letter for letter in text if "\u3400" <= letter <= "\u9fff"]
        if kanji:
            raise ValueError(f"{''.join(kanji)} are kanji, whose reading is not known; write the syllables in kana")
        before = self.last_vowel(context)
        return [morae(text, before)]

    def last_vowel(self, context: Context | None) -> str | None:
        """The vowel before a word that begins with ー."""
        if context is None or not hiragana(context.neighbour(0)).startswith("ー"):
            return None
        for offset in range(-1, -1 - context.index, -1):
            try:
                found = [p for p in morae(hiragana(context.neighbour(offset)), None) if p in VOWELS.values()]
            except ValueError:
                found = []
            if found:
                return found[-1]
        return None


def hiragana(word: str) -> str:
    """Lower case, full width, hiragana for katakana, without what is not sung."""
    word = re.sub("[\u3400-\u9fff々]+[(（]([\u3040-\u30ff]+)[)）]", r"\1", word)  # 桜(さくら), a reading beside its kanji
    text = re.sub("[゛ﾞ]", "\u3099", re.sub("[゜ﾟ]", "\u309a", straight(word)))  # voicing marks that stand alone
    text = unicodedata.normalize("NFKC", text).lower().replace("ヵ", "か").replace("ヶ", "け")
    text = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)
    for long, short in zip("āīūēōâîûêô", "aiueoaiueo", strict=True):
        text = text.replace(long, short + "ー")
    return re.sub(r"[^\w'ー]|_", "", text.replace("~", "ー").replace("〜", "ー"))


def morae(text: str, before: str | None) -> tuple[str, ...]:
    """Phones of hiragana and romaji. before: vowel that ー at the beginning takes up. Raises ValueError."""
    phones: list[str] = []
    place = 0
    while place < len(text):
        letter, rest = text[place], text[place:]
        if letter == "ー":
            vowels = [phone for phone in phones if phone in VOWELS.values()] or [before or "a1"]
            phones.append(vowels[-1])
            place += 1
        elif letter == "っ":
            phones.append("ʔ")
            place += 1
        elif letter == "ん":
            phones.append("ɴ")
            place += 1
        elif letter in KANA:
            small = SMALL.get(text[place + 1 : place + 2])
            phones += spoken(with_small(KANA[letter], small)) if small else kunrei(KANA[letter])
            place += 1 + bool(small)
        elif mora := MORA.match(rest):
            phones += kunrei(mora[0])
            place += mora.end()
        elif re.match(r"n'|n(?![aiueoy])|m(?=[bpm])", rest):
            phones.append("ɴ")
            place += 2 if rest[:2] == "n'" else 1
        elif re.match(r"([kgsztdhbpcrjf])\1|tch", rest):
            phones.append("ʔ")
            place += 1
        elif letter == "'":
            place += 1
        else:
            raise ValueError(f"{letter!r} is neither kana nor romaji")
    return tuple(phones)


def with_small(roman: str, small: str) -> str:
    """きゃ kya, しゃ sha, てぃ ti, ふぁ fa, うぃ wi, いぇ ye, とぅ tu, つぁ tsa."""
    stem, vowel = roman[:-1], small[-1]
    if len(small) == 2 and small[0] == "y":
        return stem + (small[-1] if stem in ("sh", "ch", "j") else small)
    if small == "wa":
        return stem + "wa"
    if roman in ("u", "i"):
        return {"u": "w", "i": "y"}[roman] + vowel
    return stem + vowel


def kunrei(roman: str) -> list[str]:
    """Phones of one mora of romaji by Hepburn or Kunrei: si is shi. ti and tu are てぃ and とぅ, as voicebanks have them."""
    return spoken(KUNREI.get(roman, roman))


def spoken(roman: str) -> list[str]:
    """Phones of one mora as its letters say: shi, tsu, kya; ti, si, tu, which kana write てぃ, すぃ, とぅ, keep T and S."""
    match = MORA.fullmatch(roman)
    if match is None:
        raise ValueError(f"{roman!r} is not a mora")
    consonant, vowel = match[1] or "", match[2]
    return [*("ɸ" if roman == "hu" else CONSONANTS[consonant]).split(), VOWELS[vowel]]
