"""Vietnamese text: normal form, folding for keys, and remnants of the encodings that were used before Unicode.

Folding is for blocking and searching, never for agreement: Hưng and Hùng are different people (RESOLVER 4). Three
encodings still turn up in old files: TCVN3 (ABC fonts, one byte a letter), VNI (a letter and a mark behind it) and
Windows-1258 (letters with combining tones). Read as if they were Latin-1, the first two leave texts such as "NguyÔn" or
"Nguyeãn".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Encoding = Literal["utf-8", "utf-16", "tcvn3", "vni", "cp1258", "unknown"]


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
_SYLLABLE: Final = re.compile(rf"(?:{_ONSETS})?(?:{_NUCLEI})(?:ch|ng|nh|c|m|n|p|t)?")
_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")  # grave, acute, tilde, hook above, dot below
_WORD: Final = re.compile(r"[^\W\d_]+")


def is_syllable(word: str) -> bool:
    """Whether a word has the form of a Vietnamese syllable: onset, nucleus, coda, at most one tone, capitals only in
    front.
    """
    if not (word.isupper() or word[1:].islower() or len(word) == 1):
        return False
    decomposed = unicodedata.normalize("NFD", word.lower())
    tones = sum(letter in _TONES for letter in decomposed)
    plain = unicodedata.normalize("NFC", "".join(letter for letter in decomposed if letter not in _TONES))
    return tones <= 1 and _SYLLABLE.fullmatch(plain) is not None


def _reads_well(text: str) -> bool:
    """Whether every word with a letter beyond ASCII is a syllable."""
    return all(is_syllable(word) for word in _WORD.findall(text) if not word.isascii())


def from_tcvn3(text: str) -> str:
    return "".join(TCVN3.get(letter, letter) for letter in text)


def from_vni(text: str) -> str:
    return _VNI_PATTERN.sub(lambda match: VNI[match.group()], text)


def legacy_encoding(text: str) -> Literal["", "tcvn3", "vni"]:
    """Which encoding a text was written in, if its letters make no Vietnamese as they stand but do when converted; else
    ''.
    """
    if text.isascii() or not any("\u0080" <= letter <= "\u00ff" for letter in text) or _reads_well(normal(text)):
        return ""
    latin = unicodedata.normalize("NFC", text)
    vni = from_vni(latin)
    if vni != latin and _reads_well(vni) and not vni.isascii():
        return "vni"
    tcvn3 = from_tcvn3(latin)
    if tcvn3 != latin and all(letter in TCVN3 for letter in latin if letter > "\u007f") and _words_are_syllables(tcvn3):
        return "tcvn3"
    return ""


def _words_are_syllables(text: str) -> bool:
    return all(is_syllable(word) for word in _WORD.findall(text))


def converted(text: str) -> str:
    """The text as it was meant, if it is a remnant of an old encoding; else the text itself, in normal form."""
    match legacy_encoding(text):
        case "tcvn3":
            return normal(from_tcvn3(unicodedata.normalize("NFC", text)))
        case "vni":
            return normal(from_vni(unicodedata.normalize("NFC", text)))
        case "":
            return normal(text)


def guess_encoding(data: bytes) -> Encoding:
    """What a file that is not UTF-8 may be, from a sample of its bytes; "utf-8": it is, but damaged."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(data) > 3 and data[1:8:2] == b"\0" * len(data[1:8:2])):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    names: tuple[Encoding, ...] = ("utf-8", "tcvn3", "vni", "cp1258")
    quality = [_quality(data, name) for name in names]
    return names[quality.index(max(quality))] if max(quality) > 0 else "unknown"


def decode_legacy(data: bytes, encoding: str) -> str:
    """Bytes of an old file as text; letters that the encoding does not have stay as they are."""
    if encoding == "utf-8":
        return data.decode("utf-8", errors="ignore")
    if encoding == "cp1258":
        return unicodedata.normalize("NFC", data.decode("cp1258", errors="replace"))
    latin = data.decode("latin-1")
    return from_tcvn3(latin) if encoding == "tcvn3" else from_vni(latin)


def _quality(data: bytes, encoding: str) -> float:
    """The share of words beyond ASCII that are syllables when the bytes are read so."""
    raw = {word for word in _WORD.findall(data.decode("latin-1", errors="replace")) if not word.isascii()}
    words = [word for word in _WORD.findall(decode_legacy(data, encoding)) if not word.isascii()]
    return sum(map(is_syllable, words)) / max(len(words), len(raw), 1)
