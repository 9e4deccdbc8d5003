"""English words of one spelling and two pronunciations, told apart by their neighbours.

Most differ as noun (or adjective) and verb: english.heteronyms holds the pairs and which is usual. Neighbours vote:
"the wound" and "wound of" are nouns, "to wind" and "wind the clock" verbs. The few others have a rule of their own.
For words that data_prep/heteronyms.py has seen in enough sentences, a logistic regression weighs what the rule says
against the words around; its weights are english.heteronyms.weights.gz.
"""

from __future__ import annotations

import functools
import gzip
import math
import re
from pathlib import Path

from svs.g2p import Context, straight


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ARTICLES = _set("a an the")
POSSESSIVES = _set("my thy our your his its their whose mine thine")
DETERMINERS = (
    ARTICLES
    | POSSESSIVES
    | _set(
        "her this that these those no any some each every another all both such one two three four five six "
        "seven eight nine ten twelve twenty hundred thousand many "
        "several most more other own first last new old great little good same very so too what which"
    )
)
PREPOSITIONS = _set(
    "of in on at by for with from into onto upon through as like under over between among against without "
    "about within during after before near toward towards per via than"
)
MODALS = _set(
    "to will would shall should can could may might must do does did not don't doesn't didn't won't can't "
    "cannot couldn't wouldn't shouldn't 'll let let's please never ever always often also help wilt shalt "
    "canst dost didst"
)
SUBJECTS = _set("i you we they he she it who ye thou people")
BE = _set(
    "is are was were be been being am i'm it's he's she's we're they're you're become became becomes seem "
    "seems feel felt"
)
HAVE = _set("have has had having i've we've they've you've he'd hath hast")
OBJECTS = (
    ARTICLES
    | POSSESSIVES
    | _set(
        "her him them me us it this that these those himself herself themselves itself myself yourself "
        "thyself themself up out off away down back all what how whether whom"
    )
)
FINITE = _set("is was are were has had have will would can could may shall should must that who which of")
THIRD_PERSON = _set("uses lives abuses diagnoses analyses confines winds")


@functools.cache
def pairs() -> dict[str, tuple[bool, str, str]]:
    """Word → (usually a verb, phones of the noun, phones of the verb)."""
    rows = (Path(__file__).parent / "english.heteronyms").read_text(encoding="utf-8").splitlines()
    found = {}
    for row in rows:
        if not row.startswith("#"):
            head, noun, verb = row.split(" | ")
            word, usual = head.split()
            found[word] = (usual == "verb", noun, verb)
    return found


def choose(word: str, context: Context) -> str | None:
    """Phones in one string of a heteronym in its line, None where the word has one pronunciation."""
    options, weights = model()
    if word not in options or _sung_otherwise(word, context):
        return by_rule(word, context)
    score = sum(weights.get(feature, 0.0) * value for feature, value in evidence(word, context, options[word]).items())
    return options[word][score > 0]


def _sung_otherwise(word: str, context: Context) -> bool:
    """Words on which songs differ from the encyclopaedia that the weights come from: people live in songs, and I is no number."""
    if word in pairs() and around(context, -1) == "i" and not _capital(context):
        return True
    return word == "lives" or (word == "live" and around(context, -1) in MODALS | SUBJECTS | {""})


@functools.cache
def model() -> tuple[dict[str, tuple[str, str]], dict[str, float]]:
    """(word → its two pronunciations, feature → weight towards the second); empty without the file of weights."""
    path = Path(__file__).parent / "english.heteronyms.weights.gz"
    options: dict[str, tuple[str, str]] = {}
    weights: dict[str, float] = {}
    if path.is_file():
        for row in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
            head, *rest = row.split("\t")
            if len(rest) == 2:
                options[head] = rest[0], rest[1]
            elif rest:
                weights[head] = float(rest[0])
    return options, weights


REACH = 7  # words on either side that tell of what a line is about
TOPIC = 0.3  # their weight beside that of the nearest neighbours


def evidence(word: str, context: Context, options: tuple[str, str]) -> dict[str, float]:
    """Feature → value: what the rule says, the nearest neighbours and their endings, the words around."""
    last2, last, next_, next2 = (_token(context, offset) for offset in (-2, -1, 1, 2))
    near = [f"b={last}", f"n={next_}", f"b2={last[-2:]}", f"n2={next_[-2:]}"]
    own = [f"{word}|{name}" for name in ("", *near, "capital" if context.neighbour(0)[:1].isupper() else "small")]
    found = dict.fromkeys(own, 1.0)
    for offset in range(-REACH, REACH + 1):
        if offset:
            found[f"{word}|c={_token(context, offset)}"] = TOPIC
    if word in pairs():  # what tells a noun from a verb does so for all words
        ends = [bool(re.search(r"[.,;:!?)\"]\W*$", context.neighbour(offset))) for offset in (-1, 0)]
        shared = [f"bb={last2}", f"nn={next2}", f"b3={last[-3:]}", f"n3={next_[-3:]}", f"bb={last2} {last}"]
        shared += [f"nn={next_} {next2}", f"bn={last} {next_}", f"ends={ends[0]}", f"ended={ends[1]}"]
        found |= dict.fromkeys([*near, *shared], 1.0)
        usually_verb = pairs()[word][0]
        vote = verbness(word, context) + (BIAS if usually_verb else -BIAS)
        found |= {"rule": math.tanh(vote / 3), "sign": math.copysign(1.0, vote)}
    elif (ruled := by_rule(word, context)) in options:
        found[f"{word}|rule"] = 1.0 if ruled == options[1] else -1.0
    return found


def _token(context: Context, offset: int) -> str:
    """A neighbour in lower case, numbers all alike; "^" beyond the line, "," for a mark that stands alone."""
    word = context.neighbour(offset)
    plain = re.sub(r"[^\w'-]", "", straight(word.lower()))
    return re.sub(r"\d+", "0", plain) or ("," if word else "^")


def by_rule(word: str, context: Context) -> str | None:
    """What the neighbours say by rule."""
    if word in SPECIAL:
        return SPECIAL[word](context)
    if word in pairs():
        usually_verb, noun, verb = pairs()[word]
        return verb if verbness(word, context) + (BIAS if usually_verb else -BIAS) > 0 else noun
    return None


BIAS = 1.5


def around(context: Context, offset: int) -> str:
    """A neighbour in lower case without punctuation; "" beyond the line or across a mark that ends a clause."""
    step = 1 if offset > 0 else -1
    for place in range(0, offset, step):
        edge = context.neighbour(place if step > 0 else place - 1)
        if re.search(r"[.,;:!?)\"]\W*$", edge):
            return ""
    return re.sub(r"[^\w'-]", "", straight(context.neighbour(offset).lower()))


def verbness(word: str, context: Context) -> float:
    """Votes of the neighbours: above 0 for a verb, below for a noun or adjective."""
    before, before2, before3 = (around(context, -place) for place in (1, 2, 3))
    after = around(context, 1)
    vote = 0.0
    if before in MODALS:
        vote += 4 if before != "to" else 3.5
    elif before in SUBJECTS:
        vote += 4
    elif before in ARTICLES or before in POSSESSIVES or before.endswith(("'s", "s'")):
        vote -= 4
    elif before in ("that", "which") and before2:
        vote += 1.5
    elif before in DETERMINERS or before in PREPOSITIONS:
        vote -= 3
    elif before in BE:
        vote -= 2
    elif before in HAVE:
        vote -= 1
    elif before.endswith("ly"):
        vote += 1 if before2 in SUBJECTS | MODALS or before2 not in ARTICLES | BE | POSSESSIVES else -2
    elif before == "and" or before == "or":
        vote += 1.5 if before2 in MODALS or before3 in MODALS else 0
    elif before:
        if before2 in ARTICLES | POSSESSIVES or before2 in PREPOSITIONS:
            vote -= 2
        elif before.endswith("s") and not before.endswith("ss"):
            vote += 2.5
        elif before.endswith(("al", "ive", "ous", "ic", "ed", "ing", "ful", "ent", "able", "ish", "an", "ary")):
            vote -= 2
        else:
            vote -= 0.5
    if after in OBJECTS:
        vote += 2.5
    elif after in FINITE:
        vote -= 2
    elif after in PREPOSITIONS:
        vote -= 0.3
    elif not after:
        vote -= 0.5
    if word in THIRD_PERSON and before and before not in DETERMINERS | PREPOSITIONS:
        vote += 2 if before2 in ARTICLES | POSSESSIVES else 1  # "my redeemer lives": the noun stands before it
    return vote


def _capital(context: Context) -> bool:
    return re.sub(r"^\W+", "", context.neighbour(0))[:1].isupper() and context.index > 0


def _near(context: Context, words: frozenset[str], reach: int = 6) -> bool:
    return any(
        re.sub(r"[^\w'-]", "", context.neighbour(offset).lower()) in words
        for offset in range(-reach, reach + 1)
        if offset
    )


PAST = _set(
    "was were had did said went came saw then when ago yesterday once have has i've having been be is are being he she"
)


def _read(context: Context) -> str:
    before = around(context, -1)
    past = _set("was had were he she said his her ago yesterday")
    if before in MODALS or (before in _set("i you we they ye and") and not _near(context, past)):
        return "R IY1 D"
    if before in HAVE | BE | _set("he she it which") or _near(context, PAST):
        return "R EH1 D"
    return "R IY1 D"


def _bow(context: Context) -> str:
    knot = _set(
        "arrow arrows string strings violin fiddle ribbon archer cross tie hair long golden burning cupid "
        "hunting quiver shot shoot rain composite yew strung bend ribbons bows cupid's hairs"
    )
    return "B OW1" if _near(context, knot) and verbness("bow", context) < 3 else "B AW1"


def _bass(context: Context) -> str:
    fish = _set(
        "fish fishing largemouth smallmouth striped sea lake river caught catch trout pike rock perch species "
        "fishery walleye spotted catfish crappie bluegill"
    )
    return "B AE1 S" if _near(context, fish, 10) else "B EY1 S"


def _axes(context: Context) -> str:
    lines = _set(
        "x y z of two three coordinate principal major minor rotation parallel symmetry optical angle along "
        "horizontal vertical orthogonal semi-major crystal perpendicular axis plane rotate fibers"
    )
    tools = _set(
        "stone battle tools swords hand bronze spears iron flint adzes throwing knives weapons polished "
        "hammers arrows wood fire hatchets saws copper"
    )
    return "AE1 K S IY2 Z" if _near(context, lines, 8) and not _near(context, tools, 8) else "AE1 K S AH0 Z"


def _lead(context: Context) -> str:
    metal = _set(
        "metal copper zinc tin pipe pipes poisoning paint mercury cadmium silver iron exposure acid molten "
        "ore mines mine mining heavy oxide gold sheet melted pencil arsenic smelting weights free"
    )
    return "L EH1 D" if _near(context, metal, 5) and verbness("lead", context) < 3 else "L IY1 D"


def _tear(context: Context) -> str:
    noun = _set("gas shed duct ducts film eye eyes glands gland wipe fall falls cry sad drop drops every")
    if _near(context, noun, 3):
        return "T IH1 R"
    rip = _set(
        "down apart up off out wear away open through muscle ligament meniscus acl knee tendon aortic into "
        "hole wall cartilage calf rotator cuff"
    )
    return "T EH1 R" if _near(context, rip, 3) or verbness("tear", context) > 1 else "T IH1 R"


def _wound(context: Context) -> str:
    turned = _set(
        "up around round down coil coils wire spring clock string strings bobbin through its rotor tightly spirally"
    )
    after = around(context, 1)
    return "W AW1 N D" if after in turned or _near(context, turned - {"its", "down"}, 2) else "W UW1 N D"


def _live(context: Context) -> str:
    adjective = _set(
        "album performance performances concert concerts music show shows recording recordings version "
        "television tv radio broadcast audience band dvd tracks stage action video videos in-studio on-air "
        "streaming recorded studio albums tour session sessions ammunition births bait coverage theatre wire "
        "chat line released cd theater entertainment venues venue broadcasts births footage"
    )
    if around(context, -1) in MODALS | SUBJECTS | _set("who people that and where"):
        return "L IH1 V"
    if _near(context, adjective, 2) or _near(context, _set("album concert broadcast television recorded performed"), 5):
        return "L AY1 V"
    return "L AY1 V" if around(context, -1) in ARTICLES | POSSESSIVES else "L IH1 V"


def _aged(context: Context) -> str:
    before, after = around(context, -1), around(context, 1)
    old = before in ARTICLES | POSSESSIVES and not after[:1].isdigit()
    return "EY1 JH AH0 D" if old else "EY1 JH D"


def _blessed(context: Context) -> str:
    before, after = around(context, -1), around(context, 1)
    if after in ("with", "by") or before in SUBJECTS | HAVE | _set("god lord") or after in OBJECTS - ARTICLES:
        return "B L EH1 S T"
    return "B L EH1 S T" if before in BE and after not in ("be", "are", "is") else "B L EH1 S AH0 D"


def _content(context: Context) -> str:
    glad = around(context, -1) in BE | _set("not well so rest sweet with")
    glad = glad or (around(context, 1) in ("to", "with") and around(context, -1) not in ARTICLES | POSSESSIVES)
    return "K AH0 N T EH1 N T" if glad else "K AA1 N T EH0 N T"


def _minute(context: Context) -> str:
    small = around(context, -1) in _set("of some in with very most are is") and around(context, 1) not in FINITE | {""}
    return "M AY0 N UW1 T" if small else "M IH1 N AH0 T"


def _polish(context: Context) -> str:
    nation = re.match(r"\W*P", context.neighbour(0)) and around(context, 1) not in OBJECTS
    return "P OW1 L IH0 SH" if nation else "P AA1 L IH0 SH"


def _reading(context: Context) -> str:
    return "R EH1 D IH0 NG" if _capital(context) and around(context, -1) in PREPOSITIONS else "R IY1 D IH0 NG"


def _celtic(context: Context) -> str:
    sport = _set("glasgow rangers boston fc park football club cup league scottish season signed goal match against")
    return "S EH1 L T IH0 K" if _near(context, sport, 8) else "K EH1 L T IH0 K"


def _invalid(context: Context) -> str:
    person = around(context, -1) in ARTICLES | POSSESSIVES and around(context, 1) in FINITE | PREPOSITIONS | {"", "and"}
    return "IH1 N V AH0 L AH0 D" if person else "IH2 N V AE1 L AH0 D"


def _proper(name: str, common: str):
    return lambda context: name if _capital(context) else common


SPECIAL = {
    "aged": _aged,
    "blessed": _blessed,
    "content": _content,
    "minute": _minute,
    "read": _read,
    "bow": _bow,
    "bass": _bass,
    "axes": _axes,
    "lead": _lead,
    "tear": _tear,
    "wound": _wound,
    "live": _live,
    "polish": _polish,
    "reading": _reading,
    "celtic": _celtic,
    "invalid": _invalid,
    "august": lambda context: "AO1 G AH0 S T",
    "nestle": _proper("N EH1 S L IY1", "N EH1 S AH0 L"),
    "ravel": _proper("R AH0 V EH1 L", "R AE1 V AH0 L"),
    "bologna": _proper("B AH0 L OW1 N Y AH0", "B AH0 L OW1 N IY0"),
}
