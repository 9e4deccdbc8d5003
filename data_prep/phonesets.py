"""The symbols that corpora are labelled with, as phones of svs.

    >>> [phone for phone, _ in convert("ky", "japanese")]
    ['K', 'Y']
    >>> convert("iang", "pinyin")[1]
    ('AA', 5.0)

A symbol may stand for several phones; the numbers beside them are their shares of its time, by manner: what a labeller
left together is parted by rule, not by ear. Vowels without a stress digit of their own count as stressed.
"""

from __future__ import annotations

import re
import unicodedata

from svs.inventory import BR, PHONES, SIL, features, strip_stress

SILENCES = frozenset(["", "sil", "pau", "sp", "<sp>", "silence", "<sil>", "#", "_", "-", "rest", "<eps>"])
BREATHS = frozenset(["br", "ap", "<ap>", "breath", "bre", "exh"])
SHARES = {"vowel": 5.0, "nasal": 1.5, "glide": 1.0}  # other consonants: 2


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """From "symbol:PHONE+PHONE …"."""
    pairs = (entry.split(":") for entry in text.split())
    return {symbol: tuple(phones.split("+")) for symbol, phones in pairs}


# Open JTalk, Sinsy and the labels of HTS; capital vowels are devoiced, cl is the closure of っ.
JAPANESE = _table(
    "a:a i:IY u:ɯ e:e o:o A:a I:IY U:ɯ E:e O:o N:ɴ cl:ʔ q:ʔ Q:ʔ k:K g:G s:S z:Z t:T d:D n:N h:HH b:B p:P m:M y:Y "
    "r:ɾ w:W v:V f:ɸ sh:ɕ ch:tɕ j:dʑ ts:ts dz:dz ky:K+Y gy:G+Y ny:N+Y hy:HH+Y by:B+Y py:P+Y my:M+Y ry:ɾ+Y ty:T+Y "
    "dy:D+Y fy:ɸ+Y vy:V+Y kw:K+W gw:G+W ng:NG GS:ʔ"
)
# Initials and finals as Opencpop, M4Singer and DiffSinger's dictionaries write them. Retroflexes and palatals are given
# to their nearest neighbours, and tones are not marked.
PINYIN = _table(
    "b:B p:P m:M f:F d:D t:T n:N l:L g:G k:K h:x j:dʑ q:tɕ x:ɕ zh:JH ch:CH sh:SH r:R z:dz c:ts s:S y:Y w:W a:a o:o "
    "e:ə E:EH ê:EH i:IY i0:ɯ ir:ɯ u:UW v:y ü:y ai:AY ei:EY ao:AW ou:OW an:a+N en:ə+N En:EH+N ang:AA+NG eng:ə+NG "
    "ong:UH+NG er:ER ia:Y+a ie:Y+EH iao:Y+AW iou:Y+OW iu:Y+OW ian:Y+EH+N in:IY+N iang:Y+AA+NG ing:IY+NG "
    "iong:Y+UH+NG ua:W+a uo:W+o uai:W+AY uei:W+EY ui:W+EY uan:W+a+N uen:W+ə+N un:W+ə+N uang:W+AA+NG ueng:W+ə+NG "
    "ve:ɥ+EH ue:ɥ+EH van:ɥ+EH+N vn:y+N"
)
APICAL = {"zh", "ch", "sh", "r", "z", "c", "s"}  # after these the final i is no IY
# The romanised Korean of CSD; doubled letters are tense and k, t, p, ch aspirated, which svs does not tell apart.
KOREAN = _table(
    "a:a ae:EH e:e eo:AH eu:ɯ i:IY o:o u:UW ya:Y+a yae:Y+EH ye:Y+e yeo:Y+AH yo:Y+o yu:Y+UW wa:W+a wae:W+EH we:W+e "
    "oe:W+e wo:W+AH weo:W+AH wi:W+IY ui:ɯ+IY y:Y w:W g:G kk:K gg:K k:K n:N d:D tt:T dd:T t:T r:ɾ l:L m:M b:B pp:P "
    "bb:P p:P s:S ss:S ng:NG j:dʑ jj:tɕ ch:tɕ h:HH"
)
ARPABET = {symbol.lower(): (symbol,) for symbol in PHONES if symbol.isascii() and symbol.isupper()} | _table(
    "ax:AH axr:ER axh:AH ix:IH ux:UW dx:ɾ q:ʔ el:AH+L em:AH+M en:AH+N eng:AH+NG nx:N hv:HH wh:W"
)
IPA = {phone.ipa: (symbol,) for symbol, phone in PHONES.items()} | _table(
    "g:G c:K ɟ:G ʝ:Y ɟʝ:Y β:B ɣ:G ʂ:SH ʐ:ZH ɫ:L ɭ:L ɨ:IH ʉ:UW ɵ:UH ɘ:ə ɤ:ə ɰ:W ɦ:HH ħ:HH h:HH χ:x ʀ:ʁ ɻ:R ɽ:ɾ ʋ:V "
    "ɱ:M ɚ:ER aj:AY ai:AY aw:AW au:AW ej:EY ei:EY ow:OW ou:OW əw:OW ɔj:OY ɔʏ:OY oi:OY tʂ:CH dʐ:JH ts:ts dz:dz ɪi:IY "
    "ʊu:UW iə:IY+ə uə:UW+ə ɐ:ɐ ɒː:AO ɯi:ɯ+IY"
)
IPA = {unicodedata.normalize("NFD", symbol): phones for symbol, phones in IPA.items()}
NASAL_IPA = {"a": "ɑ̃", "ɑ": "ɑ̃", "e": "ɛ̃", "ɛ": "ɛ̃", "o": "ɔ̃", "ɔ": "ɔ̃", "œ": "œ̃", "ø": "œ̃"}
OWN = {symbol: (symbol,) for symbol in PHONES}

SETS = {
    "japanese": JAPANESE, "pinyin": PINYIN, "korean": KOREAN, "arpabet": ARPABET, "ipa": IPA, "svs": OWN,
}  # fmt: skip
OF_LANGUAGE = {"en": "arpabet", "ja": "japanese", "zh": "pinyin", "ko": "korean"}


class UnknownPhone(ValueError):
    """A symbol that a set of phones does not have."""


def set_of(language: str) -> str:
    """The set that labels of a language are most often in: IPA where none is known."""
    return OF_LANGUAGE.get(language.partition("-")[0].lower(), "ipa")


def convert(symbol: str, phone_set: str, before: str = "") -> list[tuple[str, float]]:
    """Phones of svs for a symbol, each with its share of the time; vowels keep a stress digit.

    before: the symbol before it. Raises UnknownPhone.
    """
    symbol = symbol.strip()
    if symbol.lower() in SILENCES:
        return [(SIL, 1.0)]
    if symbol.lower() in BREATHS:
        return [(BR, 1.0)]
    return [(phone, SHARES.get(features(phone).manner, 2.0)) for phone in _phones(symbol, phone_set, before)]


def _phones(symbol: str, phone_set: str, before: str) -> tuple[str, ...]:
    table = SETS[phone_set]
    if phone_set == "pinyin":
        symbol = symbol.rpartition("/")[2].rstrip("012345") or symbol
        if symbol == "i" and before.rpartition("/")[2] in APICAL:
            symbol = "ir"
    elif phone_set in ("arpabet", "svs"):
        plain, digit = strip_stress(symbol), symbol[len(strip_stress(symbol)) :]
        found = table.get(plain.lower() if phone_set == "arpabet" else plain) or OWN.get(plain)
        if found is None:
            raise UnknownPhone(symbol)
        return tuple(phone + digit if PHONES[phone].vowel else phone for phone in found)
    elif phone_set == "ipa":
        return _ipa(symbol)
    if symbol not in table:
        raise UnknownPhone(symbol)
    return table[symbol]


def _ipa(symbol: str) -> tuple[str, ...]:
    """IPA without what svs does not tell apart: length, aspiration, dentals, tenseness, tie bars."""
    text = unicodedata.normalize("NFD", symbol)
    for stripped in (text, re.sub(r"[ː:ˑˈˌ.͜͡]", "", text)):
        if stripped in IPA:
            return IPA[stripped]
    plain = re.sub("[ʰʲʷˠ̥̪͈̩̯̝̞̟̠̚]", "", stripped)
    if plain in IPA:
        return IPA[plain]
    if plain.endswith("\u0303") and plain[:-1] in NASAL_IPA:
        return (NASAL_IPA[plain[:-1]],)
    raise UnknownPhone(symbol)
