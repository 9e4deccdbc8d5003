"""Spanish by its spelling, as most of its speakers sing it (c before e and z are S); "es-ES" sings them TH."""

from __future__ import annotations

from svs.g2p.rules import RuleBased

TABLE = """
# c, z, g, j
cc(?=[eiéí]) = K {c}
sc(?=[eiéí]) = {c}
c(?=[eiéí]) = {c}
ch = CH
z = {c}
g(?=[eiéí]) = x
j = x
# u that is only written, and glides
qu = K
gu(?=[eiéí]) = G
gü = G W
[iy](?=[aeouáéóú]) = Y/IY
hu(?=[aeiáéí]) = W
u(?=[aeioáéíó]) = W/UW
(?<=[aeou])y(?![aeiouáéíóú]) = Y/IY
y(?![aeiouáéíóú]) = IY
(?<=[aeoáéó])i(?![aeouáéóú]) = Y/IY
(?<=[aeoáéó])u(?![aeiáéí]) = W/UW
# vowels
[aá] = a
[eé] = EH
[ií] = IY
[oó] = AO
[uúü] = UW
# others
ll = {ll}
ñ = ɲ
rr = r
(?<![a-záéíóúüñ])r = r
(?<=[nls])r = r
r = ɾ
v = B
(?<=[aeiouáéíóúr])d(?=[aeiouáéíóúr]) = DH
n(?=[cgkqjx]) = NG
"""

EXCEPTIONS = """
y = IY
méxico = M EH x IY K AO
"""


def load(region: str = "") -> RuleBased:
    spain = region.lower() == "es"
    table = TABLE.replace("{c}", "TH" if spain else "S").replace("{ll}", "ʎ" if spain else "Y")
    return RuleBased("es", table, EXCEPTIONS)
