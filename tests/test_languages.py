"""Languages by their rules: words with known sounds, syllables as the score has them, which language a song is in."""

import pytest

from svs import g2p
from svs.g2p import Context
from svs.inventory import ARPABET, NEAREST, PHONES, adapt, nearest
from svs.language import detect
from svs.phonemes import pronounce, strip_stress
from svs.score import Score, read_score


def said(language, word):
    return " ".join(map(strip_stress, g2p.load(language).phones(word)))


@pytest.mark.parametrize(
    "language, word, phones",
    [
        ("ja", "さくら", "S a K ɯ ɾ a"),
        ("ja", "サクラ", "S a K ɯ ɾ a"),
        ("ja", "sakura", "S a K ɯ ɾ a"),
        ("ja", "きゃ", "K Y a"),
        ("ja", "しゃ", "ɕ a"),
        ("ja", "ちょ", "tɕ o"),
        ("ja", "じゅ", "dʑ ɯ"),
        ("ja", "ふぁ", "ɸ a"),
        ("ja", "ティ", "T IY"),
        ("ja", "うぃ", "W IY"),
        ("ja", "いぇ", "Y e"),
        ("ja", "つぁ", "ts a"),
        ("ja", "りゃ", "ɾ Y a"),
        ("ja", "がっこう", "G a ʔ K o ɯ"),
        ("ja", "gakkou", "G a ʔ K o ɯ"),
        ("ja", "shinbun", "ɕ IY ɴ B ɯ ɴ"),
        ("ja", "kon'ya", "K o ɴ Y a"),
        ("ja", "si", "ɕ IY"),
        ("ja", "すぃ", "S IY"),
        ("ja", "さ゛", "Z a"),
        ("ja", "桜(さくら)の", "S a K ɯ ɾ a N o"),
        ("de", "geben", "G e B ə N"),
        ("de", "gebenedeit", "G ə B e N e D AY T"),
        ("de", "beten", "B e T ə N"),
        ("de", "behüt", "B ə HH y T"),
        ("de", "bezwingen", "B ə ts V IH NG ə N"),
        ("fr", "dansent", "D ɑ̃ S"),
        ("fr", "peuvent", "P œ V"),
        ("fr", "souvent", "S UW V ɑ̃"),
        ("fr", "présent", "P ʁ e Z ɑ̃"),
        ("fr", "vent", "V ɑ̃"),
        ("ja", "ラーメン", "ɾ a a M e ɴ"),
        ("la", "caelum", "CH EH L UW M"),
        ("la", "agnus", "a ɲ UW S"),
        ("la", "excelsis", "EH K SH EH L S IY S"),
        ("la", "gratia", "G r a ts IY a"),
        ("la", "Iesu", "Y EH S UW"),
        ("la", "cuius", "K UW Y UW S"),
        ("la", "nihil", "N IY K IY L"),
        ("la", "regina", "r EH JH IY N a"),
        ("la", "suscipe", "S UW SH IY P EH"),
        ("la", "quia", "K W IY a"),
        ("it", "che", "K e"),
        ("it", "ciel", "CH EH L"),
        ("it", "gli", "ʎ IY"),
        ("it", "figlia", "F IY ʎ a"),
        ("it", "sogno", "S o ɲ o"),
        ("it", "occhi", "o K K IY"),
        ("it", "giorno", "JH o r N o"),
        ("it", "quando", "K W a N D o"),
        ("it", "rosa", "r o Z a"),
        ("it", "pace", "P a CH e"),
        ("es", "corazón", "K AO ɾ a S AO N"),
        ("es", "niño", "N IY ɲ AO"),
        ("es", "guitarra", "G IY T a r a"),
        ("es", "lluvia", "Y UW B Y a"),
        ("es", "que", "K EH"),
        ("es", "hijo", "IY x AO"),
        ("es-ES", "cielo", "TH Y EH L AO"),
        ("es", "pingüino", "P IY NG G W IY N AO"),
        ("de", "ich", "IH ç"),
        ("de", "Nacht", "N a x T"),
        ("de", "Liebe", "L IY B ə"),
        ("de", "Stern", "SH T EH r N"),
        ("de", "schön", "SH ø N"),
        ("de", "Mädchen", "M EH T ç ə N"),
        ("de", "gehen", "G e ə N"),
        ("de", "heil'gen", "HH AY L G ə N"),
        ("de", "Vöglein", "F ø G L AY N"),
        ("de", "lachen", "L a x ə N"),
        ("de", "Träume", "T r OY M ə"),
        ("de", "Herz", "HH EH r ts"),
        ("de", "Abend", "AA B ə N T"),
        ("fr", "amour", "a M UW ʁ"),
        ("fr", "beauté", "B o T e"),
        ("fr", "oiseaux", "W a Z o"),
        ("fr", "jardin", "ZH a ʁ D ɛ̃"),
        ("fr", "fleurs", "F L œ ʁ"),
        ("fr", "nuit", "N ɥ IY"),
        ("fr", "bien", "B Y ɛ̃"),
        ("fr", "campagne", "K ɑ̃ P a ɲ"),
        ("fr", "l'amour", "L a M UW ʁ"),
        ("fr", "qu'en", "K ɑ̃"),
        ("fr", "chantent", "SH ɑ̃ T"),
        ("fr", "souvent", "S UW V ɑ̃"),
        ("fr", "soleil", "S AO L EH Y"),
    ],
)
def test_words_sound_as_their_language_has_them(language, word, phones):
    assert said(language, word) == phones


@pytest.mark.parametrize(
    "language, word, spelling, phones",
    [
        ("fr", "ailes", ("ai", "les"), "EH L ə"),  # the mute e is sung where it has a note
        ("fr", "ailes", ("ailes",), "EH L"),
        ("it", "fiore", ("fio", "re"), "F Y o r e"),
        ("it", "fiore", ("fi", "o", "re"), "F IY o r e"),
        ("es", "cielo", ("ci", "e", "lo"), "S IY EH L AO"),
        ("la", "gratia", ("gra", "tia"), "G r a ts Y a"),
    ],
)
def test_the_score_says_how_many_syllables_a_word_has(language, word, spelling, phones):
    pieces = [spelling[0], *(f"-{piece}" for piece in spelling[1:])]
    pieces = [piece + "-" * (i + 1 < len(pieces)) for i, piece in enumerate(pieces)]
    song = Score.from_notes([(0.5 * i, 0.5, "A4", piece) for i, piece in enumerate(pieces)], language=language)
    part = pronounce(song.parts[0], g2p.load(language))
    assert " ".join(strip_stress(phone) for note in part.notes for phone in note.phonemes) == phones


def test_after_ils_and_elles_a_word_in_ent_is_a_verb():
    def last(line):
        words = tuple(line.split())
        return " ".join(map(strip_stress, g2p.load("fr").phones(words[-1], Context(words, len(words) - 1))))

    assert last("ils content") == last("elles ne content") == "K ɔ̃ T"
    assert last("cœur content") == "K ɔ̃ T ɑ̃"


def test_french_words_are_bound_to_a_vowel_after_them():
    french = g2p.load("fr")
    assert french.phones("les", Context(("les", "oiseaux"), 0)) == ("L", "e1", "Z")
    assert french.phones("les", Context(("les", "fleurs"), 0)) == ("L", "e1")
    assert french.phones("mon", Context(("mon", "amour"), 0))[-1] == "N"
    assert french.phones("sont,", Context(("sont,", "amis"), 0)) == ("S", "ɔ̃1")


def test_a_long_mark_on_a_note_of_its_own_takes_up_the_vowel_before():
    song = Score.from_notes([(0.0, 0.5, "A4", "そ"), (0.5, 0.5, "A4", "ー")], language="ja")
    assert [n.phonemes for n in pronounce(song.parts[0], g2p.load("ja")).notes] == [("S", "o1"), ("o1",)]


def test_kanji_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="桜 are kanji.*write the syllables in kana"):
        g2p.load("ja").phones("桜")


@pytest.mark.parametrize("language", sorted(g2p.LANGUAGES))
def test_an_english_voice_sings_every_phone_of_every_language(language):
    words = {
        "ja": "きゃふつんっじらわ",
        "de": "Ächzend über schöne Pfade",
        "fr": "un bon vin blanc que lui peut signer",
    }
    for word in words.get(language, "gnocchi quelle agnus corazón vuoi").split():
        for phone in g2p.load(language).phones(word):
            assert strip_stress(phone) in PHONES
            assert nearest(strip_stress(phone), set(ARPABET)) is not None


def test_every_substitute_is_a_phone_and_keeps_vowels_vowels():
    for symbol, options in NEAREST.items():
        for option in options.split(" | "):
            parts = option.split()
            assert all(part in PHONES or part == "SIL" for part in parts)
            if PHONES[symbol].vowel:
                assert PHONES[parts[0]].vowel


def test_a_voice_sings_the_nearest_of_what_it_lacks():
    assert adapt(("ɲ", "y1"), set(ARPABET)) == (("N", "Y", "UW1"), {"ɲ": "N Y", "y": "UW"})
    assert adapt(("K", "AE1", "T"), {"K", "T", "a"}) == (("K", "a1", "T"), {"AE": "a"})
    assert adapt(("a1", "ʔ", "K"), {"a", "K"})[0] == ("a1", "K")
    assert adapt(("ʔ",), {"a", "K"})[0] == ("SIL",)
    assert adapt(("ɑ̃1",), set(ARPABET))[0] == ("AA1", "N")


@pytest.mark.parametrize(
    "words, language",
    [
        ("Amazing grace how sweet the sound that saved a wretch like me", "en"),
        ("Sah ein Knab ein Röslein stehn Röslein auf der Heiden war so jung und morgenschön", "de"),
        ("Au clair de la lune mon ami Pierrot prête moi ta plume pour écrire un mot", "fr"),
        ("Caro mio ben credimi almen senza di te languisce il cor che non mi", "it"),
        ("Ay ay ay ay canta y no llores porque cantando se alegran los corazones de la", "es"),
        ("Ave Maria gratia plena Dominus tecum benedicta tu in mulieribus et benedictus", "la"),
        ("さ く ら さ く ら や よ い の そ ら は", "ja"),
        ("La la la", None),
    ],
)
def test_the_language_of_a_song_is_known_by_its_small_words(words, language):
    assert detect(words.split()) == language


def test_single_morae_in_romaji_are_japanese():
    assert detect("sa ku ra ya yo i no so ra wa mi wa ta su ka gi ri".split()) == "ja"
    assert detect("no che de paz no che de a mor to do duer me en de rre dor".split()) == "es"


def test_a_refrain_of_la_is_in_no_language():
    assert detect(["la"] * 20) is None
    assert detect("la la la la la la la la la and then we sing the song of love".split()) == "en"


def test_a_detected_language_is_said(tmp_path):
    path = tmp_path / "lied.abc"
    path.write_text("X:1\nT:Lied\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\ncccc|cccc|\nw: ich und du und der Mond ist mein\n")
    score = read_score(path)
    assert score.parts[0].language == "de"
    assert any("language taken to be 'de'" in remark for remark in score.remarks)
    assert read_score(path, language="en").parts[0].language == "en"
