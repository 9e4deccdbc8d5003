"""Church Latin, as it is sung in the Roman manner (Liber Usualis): caelum CH EH L UW M, agnus a ɲ UW S."""

from __future__ import annotations

from svs.g2p.rules import RuleBased

TABLE = """
# consonants before front vowels
sch = S K
sc(?=[eiyæœéíýëǽ]|ae|oe) = SH
xc(?=[eiyæœéíýëǽ]|ae|oe) = K SH
cc(?=[eiyæœéíýëǽ]|ae|oe) = T CH
ch = K
c(?=[eiyæœéíýëǽ]|ae|oe) = CH
gn = ɲ
g(?=[eiyæœéíýëǽ]|ae|oe) = JH
(?<![stx])ti(?=[aeiouáéíóúæœ]) = ts IY/Y
# i and u between vowels and at the beginning
(?<![a-zæœáéíóúǽ])[ij](?=[aeouáéóúæœ]) = Y
(?<!qu)(?<!gu)(?<=[aeou])[ij](?=[aeouáéóú]) = Y
j = Y
qu(?=[aeiouyáéíóúæœ]) = K W
(?<=ng)u(?=[aeiouáéíóúæœ]) = W
# vowels
æ|œ|ǽ|ae(?![̈ë])|oe(?!ë) = EH
au|áu = AW
(?<![a-z])eu(?![ms]) = EH W/UW
[aáàâā] = a
[eéèêëē] = EH
[iíìîïīyýÿ] = IY
[oóòôō] = AO
[uúùûūü] = UW
# others
ph = F
th = T
rh = r
(?<=mi)h(?=i) = K
(?<=ni)h(?=il) = K
z = dz
w = V
n(?=[cgkqx]) = NG
r = r
"""

EXCEPTIONS = """
cui = K W IY/IY
huic = W IY K
kyrie = K IY r IY EH
hei ei = EH IY
israel = IY S r a EH L
michael = M IY K a EH L
raphael = r a F a EH L
"""


def load(region: str = "") -> RuleBased:
    return RuleBased("la", TABLE, EXCEPTIONS)
