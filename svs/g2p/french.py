"""French by its spelling. A mute e is sung where the score gives it a note; small words are bound to the next vowel."""

from __future__ import annotations

import re

from svs.g2p import Context
from svs.g2p.rules import DOUBLED, RuleBased

V = "[aeiouyàâäéèêëîïôöûùüœæ]"
E = r"(?![a-zàâäéèêëîïôöûùüœæç])"  # the end of a word
B = r"(?<![a-zàâäéèêëîïôöûùüœæç])"  # its beginning
N = rf"(?!{V}|[nm]|h{V})"  # what makes the n or m before it colour the vowel

# before -ent: what makes a noun, an adjective or an adverb of it; other words in -ent are verbs, whose ending is mute
NOUNS = """
lem nem tem mom sem cem éem uem rem iem emm amm om souv couv ferv parav accid ard prud évid occid confid incid résid trid
impud strid tal viol excell insol indol opul turbul somnol virul val noc réc déc esc fic étic ég rg prés abs pp rp rr al cc és
cont nit fr gi ri pati cli ci bul opul virul rud iol
"""
NOUN = ")(?<!".join(NOUNS.split())

TABLE = rf"""
# endings that are not heard
(?<={V})(?:ent){E}(?<=[ai]ent) = -/ə
(?<=[a-zéèêû])(?<!{NOUN})ent{E} = -/ə
(?<=[a-zç])es{E} = -/ə
(?<=[ei])e{E} = -/ə
(?<=[a-zçéèêùâîôû])e{E} = -/ə
eaux?{E} = o
aux{E} = o
ez{E} = e
er{E}(?<=[a-z]{{3}}er) = e
ers{E} = e
ier{E} = Y/IY e
iers{E} = Y/IY e
iez{E} = Y/IY e
# nasal vowels
ienn = Y/IY EH N
ien{E} = Y/IY ɛ̃
iens{E} = Y/IY ɛ̃
ient{E} = Y/IY ɛ̃
oin{N} = W ɛ̃
(?:ain|aim|ein|eim){N} = ɛ̃
y[nm]{N} = ɛ̃
(?<!o)i[nm]{N} = ɛ̃
u[nm]{N} = œ̃
(?:aen|aon){E} = ɑ̃
(?:an|am|en|em){N} = ɑ̃
(?:on|om){N} = ɔ̃
# l mouillé
(?:ueill|euill|œill)(?=[aeiouyé]) = œ Y
(?:ueil|euil|œil) = œ Y
(?:aill)(?={V}) = a Y
ail{E} = a Y
(?:eill)(?={V}) = EH Y
eil{E} = EH Y
ouill(?={V}) = UW Y
(?<=v)ill(?=[ea]) = IY L
(?<=m)ill(?=e) = IY L
(?<=tranqu)ill = IY L
ill(?={V}) = IY Y
# vowels of several letters
eau = o
(?:œu|oeu)(?=fs?{E}|r|v) = œ
(?:œu|oeu) = ø
eu(?=x?{E}|s[ea]|t{E}|se) = ø
eu = œ
(?<=j)eû = ø
oi|oî|oie{E} = W a
oy(?={V}) = W a Y
ay(?={V}) = EH Y
uy(?={V}) = ɥ IY Y
où|oû|ou(?!{V}) = UW
ou(?={V}) = W/UW
(?:ai|aî|aie|ei)(?=s?{E}|[^n]|n) = EH
au = o
ue(?=ill) = œ
# g, q and c before the u that is only written
gu(?=[eiéèêy]) = G
ge(?=[aouâô]) = ZH
g(?=[eiéèêyî]) = ZH
qu = K
cc(?=[eiéè]) = K S
c(?=[eiéèêyî]) = S
ç = S
sc(?=[eiéè]) = S
# single vowels
u(?=i|î) = ɥ
(?<=[bcdfgp][rl])i(?={V}) = IY Y
i(?=[aeouéèâô](?!s?{E})|[aoué]|on) = Y/IY
[aà] = a
â = AA
é = e
[èêë] = EH
e(?=([bdfglmnprst])\1|x|[lrcpst][bcdfgjklmnpqrstvz]|[rlcf]{E}|t{E}) = EH
e = ə
[iîïy] = IY
ô = o
o(?=se|s?{E}|t{E}) = o
[oö] = AO
[uûùü] = y
# consonants that are not heard at the end
(?<=[rn])[dtsgc]s?{E} = -
(?<=m)ps?{E} = -
[tdspxz]{{1,2}}{E} = -
(?<=[nm])b{E} = -
(?<=[a-z]e)nt{E} = -
# consonants
ch = SH
gn = ɲ
ph = F
th = T
rh = ʁ
(?<={V})s(?={V}) = Z
ss = S
x(?={V}) = G Z
{DOUBLED}
cc = K
rr = ʁ
j = ZH
r = ʁ
z = Z
"""

EXCEPTIONS = """
les = L e
des = D e
mes = M e
tes = T e
ses = S e
ces = S e
est = EH
et = e
le = L ə
de = D ə
je = ZH ə
me = M ə
te = T ə
se = S ə
ce = S ə
que = K ə
ne = N ə
eux = ø
femme = F a M -/ə
femmes = F a M -/ə
monsieur = M ə S Y ø
fils = F IY S
mer = M EH ʁ
fer = F EH ʁ
cher = SH EH ʁ
hier = Y/IY EH ʁ
hiver = IY V EH ʁ
enfer = ɑ̃ F EH ʁ
amer = a M EH ʁ
fier = F Y EH ʁ
ver = V EH ʁ
vers = V EH ʁ
ailleurs = a Y œ ʁ
ville = V IY L -/ə
villes = V IY L -/ə
mille = M IY L -/ə
oiseau oiseaux = W a Z o
pays = P EH IY
yeux = Y ø
paysan = P EH IY Z ɑ̃
vent = V ɑ̃
avent = a V ɑ̃
lent = L ɑ̃
dent = D ɑ̃
cent = S ɑ̃
eu = y
eut = y
août = UW
sens = S ɑ̃ S
jadis = ZH a D IY S
hélas = e L AA S
lys = L IY S
ours = UW ʁ S
tous = T UW
temps = T ɑ̃
corps = K AO ʁ
coeur cœur = K œ ʁ
coeurs cœurs = K œ ʁ
seul = S œ L
neuf = N œ F
amen = a M EH N
"""

# Words that lend their last consonant to a vowel after them, and the consonant.
LIAISONS = {
    "Z": "les des mes tes ses ces nos vos nous vous ils elles aux mes très dans sans sous chez plus deux trois six dix "
    "quels quelles leurs plusieurs quelques mais pas",
    "N": "un mon ton son en on rien bien aucun",
    "T": "est sont ont tout grand petit quand cet fait haut dont font vont saint",
}
LIAISON = {word: phone for phone, words in LIAISONS.items() for word in words.split()}


BETWEEN = set("ne n' se s' me m' te t' le la les l' lui leur nous vous y en".split())  # a subject and its verb


class French(RuleBased):
    def spoken(self, text: str, context: Context | None) -> list[str]:
        if context is not None and re.search("(?:[^aio]|[^ao]i)ent$", text) and self.has_subject(context):
            text = text[:-3] + "e"  # ils parlent
        phones = super().spoken(text, context)
        bound = LIAISON.get(re.split("['-]", text)[-1])
        if bound and context is not None and self.binds(context):
            phones = [*phones, bound]
        return phones

    def has_subject(self, context: Context) -> bool:
        """True where the word follows ils or elles, pronouns between them aside."""
        offset = -1
        while offset > -4 and self.normalize(context.neighbour(offset)) in BETWEEN:
            offset -= 1
        return self.normalize(context.neighbour(offset)) in ("ils", "elles")

    def piece(self, text: str) -> list[str]:
        """An article cut short stands before its word: l'amour, qu'en, jusqu'à."""
        cut = re.match(r"(qu|[a-z]+qu|[cdjlmnst])'(.+)", text)
        if cut:
            head = "K" if cut[1] == "qu" else {"c": "S", "j": "ZH"}.get(cut[1], cut[1].upper())
            begins = [head] if len(cut[1]) <= 2 else self.transcribe(cut[1])
            return [*begins, *self.piece(cut[2])]
        return self.exceptions.get(text) or self.transcribe(text.replace("'", ""))

    def binds(self, context: Context) -> bool:
        """True where the next word begins with a vowel and nothing stands between."""
        if re.search(r"[.,;:!?]\W*$", context.neighbour(0)):
            return False
        return bool(re.match(rf"h?{V}", self.normalize(context.neighbour(1)))) and not re.match(
            r"(onze|oui|haut|hé|ha)", self.normalize(context.neighbour(1))
        )


def load(region: str = "") -> French:
    return French("fr", TABLE, EXCEPTIONS)
