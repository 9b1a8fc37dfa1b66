"""Names as they are given in Vietnam, with their real inequality: family names say little, given names follow the
generation.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

Sex = Literal["M", "F"]

# shares in per mille
_FAMILIES: Final = {
    "Nguyễn": 384,
    "Trần": 110,
    "Lê": 95,
    "Phạm": 70,
    "Huỳnh": 51,
    "Phan": 45,
    "Võ": 39,
    "Vũ": 10,
    "Đặng": 21,
    "Bùi": 20,
    "Đỗ": 14,
    "Hồ": 13,
    "Ngô": 13,
    "Dương": 10,
    "Lý": 5,
    "Đinh": 10,
    "Trương": 10,
    "Đoàn": 8,
    "Hà": 8,
    "Cao": 7,
    "Lương": 7,
    "Mai": 7,
    "Tô": 5,
    "Thái": 5,
    "Châu": 4,
    "Tạ": 4,
    "Lâm": 5,
    "Trịnh": 6,
    "Kiều": 4,
}
_MIDDLE_M_OLD: Final = ("Văn", "Văn", "Văn", "Văn", "Đình", "Đức", "Hữu", "Quang", "Ngọc", "Công", "Xuân", "Bá")
_MIDDLE_M_NEW: Final = (
    "Minh",
    "Gia",
    "Quốc",
    "Anh",
    "Hoàng",
    "Đức",
    "Tuấn",
    "Thanh",
    "Văn",
    "Nhật",
    "Bảo",
    "Trọng",
    "",
)
_MIDDLE_F_OLD: Final = ("Thị", "Thị", "Thị", "Thị", "Thị", "Thị", "Ngọc", "Thị Ngọc", "Thị Thu", "Thị Kim")
_MIDDLE_F_NEW: Final = (
    "Thị",
    "Ngọc",
    "Thanh",
    "Bảo",
    "Khánh",
    "Thảo",
    "Phương",
    "Minh",
    "Thị Thu",
    "Hồng",
    "Quỳnh",
    "",
)
_GIVEN_M_OLD: Final = (
    *(
        "Hùng",
        "Dũng",
        "Sơn",
        "Hải",
        "Thành",
        "Bình",
        "Long",
        "Minh",
        "Tâm",
        "Lộc",
        "Phước",
        "Thọ",
        "Tài",
        "Hòa",
        "Cường",
    ),
    *("Thuận", "Quang", "Hưng", "Đạt", "Lý", "Hai", "Ba", "Tư", "Năm", "Sáu", "Tám", "Mười", "Thông", "Nghĩa", "Trung"),
)
_GIVEN_M_NEW: Final = (
    *(
        "Khang",
        "Huy",
        "Bảo",
        "Anh",
        "Khôi",
        "Phúc",
        "Minh",
        "Đạt",
        "Nam",
        "Quân",
        "Khoa",
        "Thịnh",
        "Kiệt",
        "Long",
        "Phát",
    ),
    *(
        "Hưng",
        "Hùng",
        "Duy",
        "Tuấn",
        "Nguyên",
        "Thiên",
        "Hiếu",
        "Lâm",
        "Vinh",
        "Sang",
        "Trí",
        "Ân",
        "Tiến",
        "Việt",
        "Dũng",
    ),
)
_GIVEN_F_OLD: Final = (
    *(
        "Lan",
        "Hoa",
        "Hương",
        "Nga",
        "Hồng",
        "Thủy",
        "Mai",
        "Liên",
        "Cúc",
        "Loan",
        "Tuyết",
        "Bảy",
        "Chín",
        "Sáu",
        "Nhung",
    ),
    *("Hạnh", "Phượng", "Dung", "Vân", "Yến", "Ánh", "Bích", "Tám", "Xuân", "Thu", "Lý", "Hòa", "Đào", "Lệ", "Sương"),
)
_GIVEN_F_NEW: Final = (
    *("Anh", "Ngân", "Trâm", "Linh", "Vy", "My", "Hân", "Nhi", "Thảo", "Trang", "Châu", "Quỳnh", "Uyên", "Thư", "Ngọc"),
    *(
        "Ánh",
        "Yến",
        "Tiên",
        "Trinh",
        "Duyên",
        "Hà",
        "Như",
        "Nhung",
        "Tâm",
        "Diệp",
        "An",
        "Khuê",
        "Thy",
        "Phương",
        "Mai",
    ),
)
_TWIN_NEAR: Final = {
    "Anh": "Ánh",
    "Hùng": "Hưng",
    "Ngân": "Ngọc",
    "Linh": "Lan",
    "Hân": "Hà",
    "Khang": "Khanh",
    "Huy": "Hưng",
    "Nhi": "Như",
    "Thảo": "Thu",
    "Minh": "Mạnh",
    "Phúc": "Phước",
    "Trâm": "Trân",
    "Thư": "Thy",
    "Bảo": "Bách",
    "Đạt": "Đức",
    "My": "Mỹ",
}

MINORITIES: Final = ("Ba Na", "Chăm", "Hrê", "Gia Rai")
_BANA_M: Final = ("A Ngưl", "A Brol", "A Thuih", "Đinh Yơn", "Đinh Hyưnh", "Đinh Văn Grân", "A Nhuih")
_BANA_F: Final = ("Y Byưn", "Y Blơi", "Y Đêl", "Đinh Thị Hlơn", "Đinh Thị Nhăm", "Y Hnhút")
_GIARAI_M: Final = ("Rơ Châm Hyưk", "Siu Thul", "Kpă Klơng", "Ksor Blâm", "Rah Lan Hlun", "Nay Hwin")
_GIARAI_F: Final = ("Rơ Châm H'Yéo", "Siu H'Phiă", "Kpuih H'Blăng", "Ksor H'Lan", "Nay H'Bê")
_CHAM_M: Final = ("Mang Văn Té", "Đạo Thanh Tiến", "Mang Nghiêu", "Lơ Mo Tu")
_CHAM_F: Final = ("Mang Thị Xăm", "Lơ Mo Thị Lan", "Mang Thị Chanh")
_HRE_M: Final = ("Phạm Văn Nía", "Đinh Văn Rế", "Phạm Văn Thút")
_HRE_F: Final = ("Phạm Thị Răng", "Đinh Thị Xút", "Phạm Thị Ghế")
_MINORITY_NAMES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("Ba Na", "M"): _BANA_M,
    ("Ba Na", "F"): _BANA_F,
    ("Gia Rai", "M"): _GIARAI_M,
    ("Gia Rai", "F"): _GIARAI_F,
    ("Chăm", "M"): _CHAM_M,
    ("Chăm", "F"): _CHAM_F,
    ("Hrê", "M"): _HRE_M,
    ("Hrê", "F"): _HRE_F,
}
NEW_GENERATION: Final = 1985


@dataclass(frozen=True, slots=True)
class Name:
    """A name in its parts. A minority name may have no family name; it then stands whole in ``given``."""

    family: str
    middle: str
    given: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.family, self.middle, self.given) if part)


class Namer:
    """Draws names."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._families = list(_FAMILIES)
        self._weights = list(_FAMILIES.values())
        self._zipf = {size: [1 / (rank + 2) for rank in range(size)] for size in range(1, 40)}

    def family(self) -> str:
        return self._rng.choices(self._families, self._weights)[0]

    def name(self, family: str, sex: Sex, birth_year: int, ethnicity: str) -> Name:
        """A name for somebody of this family; of a minority by its own customs."""
        names = _MINORITY_NAMES.get((ethnicity, sex))
        if names is not None:
            return Name("", "", self._rng.choice(names))
        new = birth_year >= NEW_GENERATION
        middles: tuple[str, ...]
        givens: tuple[str, ...]
        if sex == "M":
            middles, givens = (_MIDDLE_M_NEW, _GIVEN_M_NEW) if new else (_MIDDLE_M_OLD, _GIVEN_M_OLD)
        else:
            middles, givens = (_MIDDLE_F_NEW, _GIVEN_F_NEW) if new else (_MIDDLE_F_OLD, _GIVEN_F_OLD)
        given = self._rng.choices(givens, self._zipf[len(givens)])[0]
        middle = self._rng.choice(middles)
        return Name(family, "" if middle == given else middle, given)

    def twin(self, name: Name, sex: Sex, *, same_sex: bool, birth_year: int, ethnicity: str) -> Name:
        """The other twin's name: often the same but for a tone or a letter."""
        if same_sex and name.family and name.given in _TWIN_NEAR and self._rng.random() < 0.7:
            return Name(name.family, name.middle, _TWIN_NEAR[name.given])
        other = self.name(name.family, sex, birth_year, ethnicity)
        return Name(other.family, name.middle if same_sex else other.middle, other.given)
