"""Italian by its spelling; open and closed e and o are told apart only where an accent shows them."""

from __future__ import annotations

from svs.g2p.rules import RuleBased

TABLE = """
# soft and hard c, g, sc
sci(?=[aouàòóù]) = SH
scie(?=n) = SH e
sc(?=[eièéìí]) = SH
sch = S K
cci(?=[aouàòóù]) = T CH
cc(?=[eièéìí]) = T CH
ci(?=[aouàòóù]) = CH
cie(?=l) = CH EH
c(?=[eièéìí]) = CH
cch = K K
ch = K
cq = K K
ggi(?=[aouàòóù]) = D JH
gg(?=[eièéìí]) = D JH
gi(?=[aouàòóù]) = JH
g(?=[eièéìí]) = JH
ggh = G G
gh = G
gli(?=[aeouàèéòóù]) = ʎ
gl(?=i) = ʎ
gn = ɲ
# glides
qu = K W
(?<=g)u(?=[aeiàèéì]) = W
i(?=[aeouàèéòóù]) = Y/IY
u(?=[oòó]) = W/UW
(?<![a-z])u(?=[aeiàèéì]) = W
(?<=[aeoàèéòó])i(?![aeouàèéòóùn]) = Y/IY
(?<=[ae])u(?![aeioàèéìòó]) = W/UW
# z and s
zz = T ts
(?<![a-zàèéìòóù])z(?=[aeou]) = dz
z = ts
(?<=[aeiouàèéìòóù])s(?=[aeiouàèéìòóù]) = Z
s(?=[bdglmnrv]) = Z
ss = S S
# vowels
[aàá] = a
[èê] = EH
[eé] = e
[iìíîjy] = IY
[òô] = AO
[oó] = o
[uùúû] = UW
# doubled and single consonants
bb = B B
dd = D D
ff = F F
ll = L L
mm = M M
nn = N N
pp = P P
rr = r r
tt = T T
vv = V V
n(?=[cgkq]) = NG
r = r
"""

EXCEPTIONS = """
è = EH
mio = M IY/Y o
mia = M IY/Y a
mie = M IY/Y e
tuo = T UW/W o
tua = T UW/W a
tue = T UW/W e
suo = S UW/W o
sua = S UW/W a
sue = S UW/W e
dio = D IY/Y o
zio = ts IY o
zia = ts IY a
io = IY/Y o
lui = L UW Y/IY
mezzo = M EH D dz o
"""


def load(region: str = "") -> RuleBased:
    return RuleBased("it", TABLE, EXCEPTIONS)
