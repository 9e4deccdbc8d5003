"""German by its spelling: vowels short before two consonants, b d g hard at the end of a word, e weak in endings."""

from __future__ import annotations

import re

from svs.g2p.rules import DOUBLED, RuleBased

V = "[aeiouyäöüáéíóúà]"
C = "[bcdfghjklmnpqrstvwxzß]"
END = r"(?![a-zäöüß])"
PREFIX = r"(?<![a-zäöüß])"
GIVE = rf"(?:ben|be|be?t|best|ber){END}|bend|gen|gn"  # words in which ge is no prefix: geben, gegen, Gegner
# a vowel is short before two consonants or a doubled one; h, a doubled vowel or one consonant and a vowel leave it long
SHORT = (
    r"(?=(?:ch|sch|ck|tz|ng|nk|x|pf|ß(?!e)|([bdfgklmnprst])\1)"
    r"|[bdfgklmnprstz](?!h|r[aeiouäöü]|l[aeiouäöü])[bcdfgjkmnpqstvwxz]|[lmnr][bcdfgjklmnpqstvwxz])"
)

TABLE = rf"""
# prefixes and endings that carry no stress
{PREFIX}geh(?=a|ö|eim|eu|ü|o[rb]) = G ə HH
{PREFIX}beh(?={V}) = B ə HH
{PREFIX}ge(?!{GIVE})(?=[bdfgjkpqwz]{C}*{V}|[lmnr]{V}|s[aeiou]|s[cpt]|t[aräu]) = G ə
{PREFIX}be(?!te[nrst]?{END}|tend|sen|sten?{END})(?=[dgkflmnrstvwz]{V}|[dgkflmnrstvwz][rl]|zw|sch|st) = B ə
{PREFIX}ver(?=[a-z]{{2}}) = F EH r
{PREFIX}zer(?=[a-z]{{2}}) = ts EH r
{PREFIX}ent(?=[a-z]{{2}}) = EH N T
{PREFIX}er(?=[bdfghklmpstwz]{V}|[bfgkpst][lrcpt]|schl|[a-z]{{5}}) = EH r
~(?<=[a-zäöüß])en(?={END}|s{END}|d|kranz) = ə N
~(?<=[a-zäöüß])ern{END} = ə r N
~(?<=[a-zäöüß])er(?={END}|s{END}) = ə r
~(?<=[a-zäöüß])eln{END} = ə L N
~(?<=[a-zäöüß])el(?={END}|s{END}) = ə L
~(?<=[a-zäöüß])em{END} = ə M
~(?<=[a-zäöüß])est{END} = ə S T
~(?<=[a-zäöüß])et(?={END}|e{END}|en{END}) = ə T
~(?<=[a-zäöüß])es{END} = ə S
~(?<=[a-zäöüß])e{END} = ə
~(?<=[a-zäöüß])ig(?={END}|st|k|t) = IH ç
(?<=[a-z])'g(?=e) = G
# vowels of two letters
ie(?=r{END}|[a-zäöüß]) = IY
ie{END} = IY
ei|ai|ey|ay = AY
äu|eu|oi|oy = OY
au = AW
aa|ah(?!{V}|r?a) = AA
ee|eh(?!{V}) = e
ieh = IY
oo|oh(?!{V}) = o
uh(?!{V}) = UW
äh(?!{V}) = EH
öh(?!{V}) = ø
üh(?!{V}) = y
ih(?=[mnr]) = IY
# short vowels
a{SHORT} = a
[eä]{SHORT} = EH
i{SHORT} = IH
o{SHORT} = AO
u{SHORT} = UH
ö{SHORT} = œ
[üy]{SHORT} = ʏ
i(?=[nmst]{END}) = IH
u(?=[nm]{END}) = UH
a(?=[nmst]{END}) = a
o(?=b{END}|n{END}) = AO
e(?=s{END}) = EH
# long vowels
[aáà] = AA
ä = EH
[eé] = e
[ií] = IY
[oó] = o
[uú] = UW
ö = ø
[üy] = y
# consonants of several letters
tsch = CH
sch = SH
chs(?!t{END}|o) = K S
(?<=[aou])ch = x
(?<=au)ch = x
{PREFIX}ch(?=[aorlu]) = K
ch = ç
ck = K
{PREFIX}sp = SH P
{PREFIX}st = SH T
(?<=ge)st(?=[aeiouäöü]) = SH T
(?<=ver|ent|auf|aus|ein)st(?=[aeiouäöür]) = SH T
(?<=ver|ent|auf|aus|ein)sp = SH P
ss|ß = S
{PREFIX}s(?={V}) = Z
(?<={V})s(?={V}) = Z
(?<=[lrnm])s(?={V}) = Z
tz = ts
z = ts
pf = pf
ph = F
th = T
dt = T
ng(?!e?l?ü) = NG
n(?=k) = NG
qu = K V
# hard at the end of a word or before a hard consonant
b(?={END}|[stf]) = P
d(?=ch) = T
d(?={END}|[sf]) = T
g(?={END}|[st](?![aeiou])) = K
{DOUBLED}
rr = r
{PREFIX}v(?=i[ol]|a[sr]|en) = V
v = F
c(?=[eiä]) = ts
{PREFIX}h = HH
(?<=[a-zäöüß][a-zäöüß])h(?=aft|eit|erz) = HH
(?<={V})h = -
h = HH
j = Y
r = r
w = V
"""

EXCEPTIONS = """
der = D e r
er = e r
wer = V e r
her = HH e r
den = D e N
dem = D e M
wem = V e M
wen = V e N
es = EH S
das = D a S
des = D EH S
was = V a S
an = a N
am = a M
ab = a P
man = M a N
hat = HH a T
von = F AO N
vom = F AO M
vor = F o r
bis = B IH S
mit = M IH T
im = IH M
in = IH N
um = UH M
und = UH N T
zum = ts UH M
nun = N UW N
tot = T o T
gott = G AO T
gen = G e N
herr = HH EH r
weg = V e K
über = y B ə r
mond = M o N T
monde = M o N D ə
nach = N AA x
sprach = SH P r AA x
hoch = HH o x
buch = B UW x
tuch = T UW x
gebet = G ə B e T
beben = B e B ə N
beste = B EH S T ə
besten = B EH S T ə N
bester = B EH S T ə r
suchen = Z UW x ə N
sucht = Z UW x T
"""


class German(RuleBased):
    def normalize(self, word: str) -> str:
        return super().normalize(word).replace("ſ", "s")

    def piece(self, text: str) -> list[str]:
        """Apostrophes stand for an e that is left out: heil'gen, geh'n, 's."""
        return self.exceptions.get(text) or self.transcribe(
            re.sub("(?<=[eiäöü])h'(?=[nst])", "h", text).replace("'", "")
        )


def load(region: str = "") -> German:
    return German("de", TABLE, EXCEPTIONS)
