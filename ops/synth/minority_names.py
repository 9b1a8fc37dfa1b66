"""Ethnic minorities of the central highlands: where they live and how they name.

What matters for matching is the form, not the lists: a clan name may come first (Gia Rai: Siu H'Blen), last (Ê Đê:
Y Wang Mlô) or be missing; a prefix tells the sex, but not the same sex everywhere (Y is a man among the Ê Đê and a
woman among the Xơ Đăng); Hrê and Ba Na of the coast carry Đinh or Phạm like a family name. Registers write the same
prefix in many ways: H'Blen, H' Blen, HBlen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

from ops.synth.kinh_names import SECOND_MIDDLE, Weighted, generation, zipf

KINH: Final = "Kinh"


@dataclass(frozen=True, slots=True)
class Naming:
    """How a people names: ``order`` says where the clan stands, ``prefixes`` what goes before the given name."""

    clans: Weighted | None
    order: Literal["first", "last", "none"]
    prefixes: dict[str, str]
    """By sex. One that ends in an apostrophe is written together with the name."""
    prefix_share: float
    given: dict[str, Weighted]


_HIGHLAND_MEN: Final = zipf(
    "Wang Blí Bhăm Khôi Nguyên Thui Phin Suk Thoan Plek Mlin Rin Djuin Khin Nuê Siêng Grăm Thơi Brông Hlôi Lui "
    "Nhơn Phơr Doan"
)
_HIGHLAND_WOMEN: Final = zipf(
    "Blen Hen Lan Nhung Bleng Duyên Thương Mlê Rut Rin Juê Nuk Luyến Phiên Djuê Wen Yun Lim Nga Sương Đin Pli "
    "Chiêm Kring"
)
_COAST_MEN: Final = zipf(
    "Nghinh Hoà Tâm Lộc Thái Bình Xông Drin Gương Yoch Byưnh Phương Hyui Đur Klưn Ngưn Ren Sơch Tơng Ưk Văk Yơn "
    "Bông Rôi Nghĩa Lía Thanh Vang Reo Chơi Xiêng Nía Rin Gió Rít Hrin Đôn Trên Krê Vút Hreo Nhỏ Mưu Tiên"
)
_COAST_WOMEN: Final = zipf(
    "Hyưm Byên Chăm Đep Glưn Hlưm Jreh Khưn Lơm Mưih Nghen Ơnh Pưi Ría Sưn Tưm Ưn Yuih Blưr Đơch Giêng Hồng Hoa Lan "
    "Bưa Thê Nhí Rê Trinh Lía Gim Vẻ Hrit Diêm Xuân Lệ Rinh Chiên Nghé Hiêng Bơi Xúi Trê Niu Gai Đươi"
)

NAMINGS: Final[dict[str, Naming]] = {
    "Ê Đê": Naming(
        zipf("Niê Mlô Êban Byă Kbuôr Ayŭn Ksơr Hđơk Kriêng Adrơng"),
        "last",
        {"M": "Y", "F": "H'"},
        0.97,
        {"M": _HIGHLAND_MEN, "F": _HIGHLAND_WOMEN},
    ),
    "Gia Rai": Naming(
        zipf("Siu Ksor Rmah Kpă Nay Rơ-Châm Rah-Lan Rcom Puih Hiao"),
        "first",
        {"M": "Y", "F": "H'"},
        0.6,
        {"M": _HIGHLAND_MEN, "F": _HIGHLAND_WOMEN},
    ),
    "Ba Na": Naming(
        zipf("Đinh Siu", 3.0), "first", {"M": "Văn", "F": "Thị"}, 0.4, {"M": _COAST_MEN, "F": _COAST_WOMEN}
    ),
    "Hrê": Naming(zipf("Đinh Phạm"), "first", {"M": "Văn", "F": "Thị"}, 0.8, {"M": _COAST_MEN, "F": _COAST_WOMEN}),
    "Chăm": Naming(
        zipf("La Đoàn So Mang Kpă Lê-Mô La-O Ra-Lan"),
        "first",
        {"M": "Văn", "F": "Thị"},
        0.7,
        {"M": _COAST_MEN, "F": _COAST_WOMEN},
    ),
    "Xơ Đăng": Naming(None, "none", {"M": "A", "F": "Y"}, 1.0, {"M": _HIGHLAND_MEN, "F": _HIGHLAND_WOMEN}),
    "Co": Naming(zipf("Hồ Đinh", 3.0), "first", {"M": "Văn", "F": "Thị"}, 0.8, {"M": _COAST_MEN, "F": _COAST_WOMEN}),
}
SEX_PREFIXES: Final = frozenset({"Y", "A"})
"""With H', the prefixes from which a clerk who knows another people reads the wrong sex."""

_EVERYWHERE: Final = (("Ê Đê", 0.002), ("Chăm", 0.002), ("Gia Rai", 0.001))
_OF_PROVINCE: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "tinhgialai": (("Gia Rai", 0.30), ("Ba Na", 0.12)),
    "tinhkontum": (("Xơ Đăng", 0.30), ("Ba Na", 0.12), ("Gia Rai", 0.06)),
    "tinhdaklak": (("Ê Đê", 0.25), ("Gia Rai", 0.02)),
    "tinhphuyen": (("Ê Đê", 0.03), ("Chăm", 0.03), ("Ba Na", 0.01)),
}
_OF_DISTRICT: Final[dict[tuple[str, str], tuple[tuple[str, float], ...]]] = {
    ("tinhbinhdinh", "huyenanlao"): (("Hrê", 0.35), ("Ba Na", 0.03)),
    ("tinhbinhdinh", "huyenvinhthanh"): (("Ba Na", 0.30),),
    ("tinhbinhdinh", "huyenvancanh"): (("Chăm", 0.22), ("Ba Na", 0.20)),
    ("tinhbinhdinh", "huyenhoaian"): (("Hrê", 0.03), ("Ba Na", 0.02)),
    ("tinhbinhdinh", "huyentayson"): (("Ba Na", 0.03),),
    ("tinhgialai", "thanhphopleiku"): (("Gia Rai", 0.11), ("Ba Na", 0.01)),
    ("tinhgialai", "thixaankhe"): (("Ba Na", 0.02),),
    ("tinhgialai", "huyenkbang"): (("Ba Na", 0.45),),
    ("tinhgialai", "huyenkongchro"): (("Ba Na", 0.70),),
    ("tinhgialai", "huyendakdoa"): (("Ba Na", 0.45), ("Gia Rai", 0.08)),
    ("tinhgialai", "huyenmangyang"): (("Ba Na", 0.55), ("Gia Rai", 0.03)),
    ("tinhgialai", "huyendakpo"): (("Ba Na", 0.18),),
    ("tinhgialai", "huyenkrongpa"): (("Gia Rai", 0.66),),
    ("tinhgialai", "huyeniapa"): (("Gia Rai", 0.70), ("Ba Na", 0.04)),
    ("tinhquangngai", "huyenbato"): (("Hrê", 0.80),),
    ("tinhquangngai", "huyensonha"): (("Hrê", 0.80),),
    ("tinhquangngai", "huyenminhlong"): (("Hrê", 0.70),),
    ("tinhquangngai", "huyensontay"): (("Xơ Đăng", 0.75), ("Hrê", 0.10)),
    ("tinhquangngai", "huyentrabong"): (("Co", 0.55),),
}


def minorities(province_key: str, district_key: str) -> tuple[tuple[str, float], ...]:
    """Shares of the population, by the keys of units before 2025; ``district_key`` may be ''."""
    own = _OF_DISTRICT.get((province_key, district_key), _OF_PROVINCE.get(province_key, ()))
    return (*own, *((people, share) for people, share in _EVERYWHERE if people not in dict(own)))


def clan(rng: random.Random, people: str) -> str:
    clans = NAMINGS[people].clans
    return "" if clans is None else clans.draw(rng)


def minority_name(rng: random.Random, people: str, sex: str, birth_year: int, clan_name: str) -> tuple[str, str]:
    """(full name, given name) of a member of a people and of a clan."""
    naming = NAMINGS[people]
    lists = generation(birth_year)
    if rng.random() < (0.5 if birth_year >= 1990 else 0.25):  # Kinh given names, more and more
        given = lists.given[sex].draw(rng)
        if rng.random() < 0.4:
            given = f"{SECOND_MIDDLE.draw(rng)} {given}"
    else:
        given = naming.given[sex].draw(rng)
    prefix = naming.prefixes[sex] if rng.random() < naming.prefix_share else ""
    name = f"{prefix}{given}" if prefix.endswith("'") else f"{prefix} {given}".strip()
    written_clan = clan_name.replace("-", " ")
    match naming.order:
        case "first":
            return f"{written_clan} {name}".strip(), given
        case "last":
            return f"{name} {written_clan}".strip(), given
        case "none":
            return name, given
