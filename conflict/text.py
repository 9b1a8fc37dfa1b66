"""Vietnamese text: normal form, folding for keys, and remnants of the encodings that were used before Unicode.

Folding is for blocking and searching, never for agreement: Hưng and Hùng are different people (RESOLVER 4). Three
encodings still turn up in old files: TCVN3 (ABC fonts, one byte a letter), VNI (a letter and a mark behind it) and
Windows-1258 (letters with combining tones). Read as if they were Latin-1, the first two leave texts such as "NguyÔn" or
"Nguyeãn".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

Legacy = Literal["tcvn3", "vni", "cp1258"]
Encoding = Literal["utf-8", "utf-16", Legacy, "unknown"]


def normal(text: str) -> str:
    """NFC, with blanks folded: how text is kept. Words stay as they were written."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def folded(text: str) -> str:
    """Lower case without tones and marks, for keys only: "Đặng Thị Ánh" -> "dang thi anh"."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).replace("đ", "d")


# --- TCVN3 (TCVN 5712:1993, VN3; "ABC" fonts): Latin-1 letter -> Vietnamese letter -----------------------------------

_TCVN3_PAIRS: Final = (
    "¸á µà ¶ả ·ã ¹ạ ¨ă ¾ắ »ằ ¼ẳ ½ẵ Æặ ©â Êấ Çầ Èẩ Éẫ Ëậ ®đ Ðé Ìè Îẻ Ïẽ Ñẹ ªê Õế Òề Óể Ôễ Öệ "
    "Ýí ×ì Øỉ Üĩ Þị ãó ßò áỏ âõ äọ «ô èố åồ æổ çỗ éộ ¬ơ íớ êờ ëở ìỡ îợ óú ïù ñủ òũ ôụ \u00adư øứ õừ öử ÷ữ ùự "
    "ýý úỳ ûỷ üỹ þỵ ¡Ă ¢Â §Đ £Ê ¤Ô ¥Ơ ¦Ư"
)
TCVN3: Final = {pair[0]: pair[1] for pair in _TCVN3_PAIRS.split(" ")}
_TCVN3_SIGNS: Final = "".join(letter for letter in TCVN3 if not letter.isalpha())

# --- VNI: letter and mark -> Vietnamese letter -----------------------------------------------------------------------

_VNI_PAIRS: Final = (
    "aù=á aø=à aû=ả aõ=ã aï=ạ aê=ă aé=ắ aè=ằ aú=ẳ aü=ẵ aë=ặ aâ=â aá=ấ aà=ầ aå=ẩ aã=ẫ aä=ậ eù=é eø=è eû=ẻ eõ=ẽ eï=ẹ "
    "eâ=ê eá=ế eà=ề eå=ể eã=ễ eä=ệ æ=ỉ ó=ĩ ò=ị où=ó oø=ò oû=ỏ oõ=õ oï=ọ oâ=ô oá=ố oà=ồ oå=ổ oã=ỗ oä=ộ ô=ơ ôù=ớ ôø=ờ "
    "ôû=ở ôõ=ỡ ôï=ợ uù=ú uø=ù uû=ủ uõ=ũ uï=ụ ö=ư öù=ứ öø=ừ öû=ử öõ=ữ öï=ự yù=ý yø=ỳ yû=ỷ yõ=ỹ î=ỵ ñ=đ"
)


def _vni() -> dict[str, str]:
    table: dict[str, str] = {}
    for pair in _VNI_PAIRS.split():
        written, meant = pair.split("=")
        table[written] = meant
        table[written.upper()] = meant.upper()
        if len(written) == 2:
            table[written[0].upper() + written[1]] = meant.upper()  # capital letter, small mark
    return table


VNI: Final = _vni()
_VNI_PATTERN: Final = re.compile("|".join(sorted(map(re.escape, VNI), key=len, reverse=True)))

# --- is it Vietnamese? -----------------------------------------------------------------------------------------------

_ONSETS: Final = "ngh|ng|nh|ch|gh|gi|kh|ph|qu|th|tr|b|c|d|đ|g|h|k|l|m|n|p|q|r|s|t|v|x"
_NUCLEI: Final = (
    "uyên|iêu|yêu|oai|oay|oeo|uây|uôi|uya|uyê|uyu|ươi|ươu|ai|ao|au|ay|âu|ây|eo|êu|ia|iê|iu|oa|oă|oe|oi|oo|ôi|ơi|"
    "ua|uâ|uă|uê|"
    "ui|uô|uơ|uy|ưa|ươ|ưi|ưu|yê|a|ă|â|e|ê|i|o|ô|ơ|u|ư|y"
)
_SYLLABLE: Final = re.compile(rf"(?P<onset>{_ONSETS})?(?P<nucleus>{_NUCLEI})(?:ch|ng|nh|c|m|n|p|t)?")
_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")  # grave, acute, tilde, hook above, dot below
_EITHER_VOWEL: Final = frozenset({"oa", "oe", "oo", "uy"})
_WORD: Final = re.compile(rf"(?:[^\W\d_]|[{re.escape(_TCVN3_SIGNS)}])+")
_SYLLABLES_KEPT: Final = 8_192  # all of Vietnamese are about 7,000


def toneless(word: str) -> tuple[str, str, int]:
    """A word without its tones (NFC), the tones, and the place of the letter that bears the last one (-1: none)."""
    plain: list[str] = []
    tones, bearer = "", -1
    for place, letter in enumerate(unicodedata.normalize("NFC", word)):
        parts = unicodedata.normalize("NFD", letter)
        found = "".join(part for part in parts if part in _TONES)
        if found:
            tones, bearer = tones + found, place
            parts = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))
            plain.append(parts)
        else:
            plain.append(letter)
    return "".join(plain), tones, bearer


@lru_cache(maxsize=_SYLLABLES_KEPT)
def is_syllable(word: str) -> bool:
    """Whether a word has the form of a Vietnamese syllable: onset, nucleus, coda, at most one tone on a vowel that can
    bear it, capitals only in front.
    """
    if not (word.isupper() or word[1:].islower() or len(word) == 1):
        return False
    plain, tones, bearer = toneless(word.lower())
    match = _SYLLABLE.fullmatch(plain)
    if match is None or len(tones) > 1:
        return False
    return not tones or _may_bear(match["onset"] or "", match["nucleus"], bearer)


def _may_bear(onset: str, nucleus: str, place: int) -> bool:
    """Whether the tone may stand there. Both habits count (hoà and hòa), and the mark on the glide, as in "Qúy"."""
    marked = [at for at, vowel in enumerate(nucleus) if vowel in "ăâêôơư"]
    at = place - len(onset)
    if at == -1:
        return onset in {"qu", "gi"}
    if marked:
        return at == marked[-1] or (nucleus == "ưa" and at == 0)
    if nucleus in _EITHER_VOWEL:
        return at in {0, 1}
    return at == (1 if len(nucleus) == 3 else 0)


def _read_well(words: Iterable[str]) -> bool:
    return all(map(is_syllable, words))


def _words_beyond_ascii(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if not word.isascii()]


def from_tcvn3(text: str) -> str:
    """TCVN3 has capitals only for the letters without a tone: the others come from a font of capitals, so that the case
    of a word is that of its plain letters.
    """
    has_small = any("a" <= letter <= "z" for letter in text)
    shouted = not has_small and any(map(_is_shouted, _WORD.findall(text)))

    def meant(match: re.Match[str]) -> str:
        word = "".join(TCVN3.get(letter, letter) for letter in match.group())
        return word.upper() if shouted or _is_shouted(match.group()) else word

    return _WORD.sub(meant, text)


def _is_shouted(word: str) -> bool:
    """Whether at least two letters of ASCII stand in a word, all of them capitals."""
    plain = [letter for letter in word if letter.isascii()]
    return len(plain) > 1 and all(letter.isupper() for letter in plain)


def from_vni(text: str) -> str:
    return _VNI_PATTERN.sub(lambda match: VNI[match.group()], text)


def legacy_encoding(text: str) -> Literal["", "tcvn3", "vni"]:
    """Which encoding a text was written in, if its letters make no Vietnamese as they stand but do when converted; else
    ''. A text that makes sense both ways ("Vâ", which is also the TCVN3 form of "Võ") is taken as it stands.
    """
    if text.isascii():
        return ""
    latin = normal(text)
    if _read_well(_words_beyond_ascii(latin)) or not any("\u0080" <= letter <= "\u00ff" for letter in latin):
        return ""
    vni = from_vni(latin)
    if vni != latin and not vni.isascii() and _read_well(_words_beyond_ascii(vni)):
        return "vni"
    old = _words_beyond_ascii(latin)
    if not any(letter.isascii() for word in old for letter in word):
        return ""  # signs that stand alone: a paragraph sign, a superscript
    if all(letter in TCVN3 for word in old for letter in word if letter > "\u007f"):
        # The other words must be Vietnamese, too: "Ea Yông" is no remnant.
        return "tcvn3" if _read_well(word for word in _WORD.findall(from_tcvn3(latin)) if len(word) > 1) else ""
    return ""


def converted(text: str) -> str:
    """The text as it was meant, if it is a remnant of an old encoding; else the text itself, in normal form."""
    match legacy_encoding(text):
        case "tcvn3":
            return normal(from_tcvn3(normal(text)))
        case "vni":
            return normal(from_vni(normal(text)))
        case "":
            return normal(text)


# --- which encoding is a file in? ------------------------------------------------------------------------------------


def guess_encoding(data: bytes) -> Encoding:
    """What a file that is not UTF-8 may be, from a sample of its bytes; "utf-8": it is, but damaged."""
    if looks_like_utf16(data):
        return "utf-16"
    # In the other three the bytes beyond ASCII stand alone or in pairs that UTF-8 does not have.
    beyond = sum(byte > 0x7F for byte in data)
    sound = sum(byte > 0x7F for byte in data.decode("utf-8", errors="ignore").encode())
    if sound * 2 >= beyond:
        return "utf-8"
    names: tuple[Legacy, ...] = ("tcvn3", "vni", "cp1258")
    quality = [_quality(data, name) for name in names]
    return names[quality.index(max(quality))] if max(quality) > 0 else "unknown"


def looks_like_utf16(data: bytes) -> bool:
    """A mark at the start, or zeros in every second byte as the ASCII letters have it: no other text has NUL."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    zeros = data[0::2].count(0), data[1::2].count(0)
    return len(data) > 3 and max(zeros) * 4 > len(data) // 2 and min(zeros) * 8 < max(zeros)


def decode_legacy(data: bytes, encoding: Legacy) -> str:
    """Bytes of an old file as text; letters that the encoding does not have stay as they are."""
    match encoding:
        case "cp1258":
            return unicodedata.normalize("NFC", data.decode("cp1258", errors="replace"))
        case "tcvn3":
            return from_tcvn3(data.decode("latin-1"))
        case "vni":
            return from_vni(data.decode("latin-1"))


def _quality(data: bytes, encoding: Legacy) -> float:
    """The share of words beyond ASCII that are syllables when the bytes are read so."""
    words = _words_beyond_ascii(decode_legacy(data, encoding))
    raw = set(_words_beyond_ascii(data.decode("latin-1")))
    return sum(map(is_syllable, words)) / max(len(words), len(raw), 1)
