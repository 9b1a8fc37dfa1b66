"""Vietnamese names as lists with weights: family names, middle names and given names by sex and generation.

Shares of family names follow the usual counts (Nguyễn about 38 %, seven names about 80 %), with the southern forms
Huỳnh and Võ before Hoàng and Vũ, as in the coastal centre. Given names fall off as in Zipf's law, by the order of the
lists.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final


class Weighted:
    """Words to draw from, by weight."""

    __slots__ = ("_sums", "words")

    def __init__(self, words: Sequence[str], weights: Sequence[float]) -> None:
        assert len(words) == len(weights)
        self.words = tuple(words)
        self._sums = list(accumulate(weights))

    def draw(self, rng: random.Random) -> str:
        return self.words[bisect(self._sums, rng.random() * self._sums[-1], 0, len(self.words) - 1)]


def zipf(words: str, exponent: float = 0.7) -> Weighted:
    """A list in falling order of frequency."""
    found = words.split()
    assert len(found) == len(set(found)), words
    return Weighted(found, [1 / (rank + 3) ** exponent for rank in range(len(found))])


def _shares(text: str) -> Weighted:
    pairs = [pair.rsplit(":", 1) for pair in text.split()]
    return Weighted([word for word, _ in pairs], [float(share) for _, share in pairs])


FAMILIES: Final = _shares(
    "Nguyễn:384 Trần:110 Lê:95 Phạm:70 Huỳnh:40 Hoàng:11 Phan:45 Võ:34 Vũ:6 "
    "Đặng:21 Bùi:20 Đỗ:14 Hồ:17 Ngô:13 Dương:10 Lý:6 Đoàn:9 Trương:14 Đinh:8 Mai:6 Đào:7 Lâm:6 Tô:4 Cao:6 Châu:5 "
    "Thái:5 Tạ:4 Hà:5 Lương:5 Trịnh:4 Văn:3 Diệp:2 Kiều:2 Từ:2 Quách:1 Tăng:1 Lưu:2 La:1 Vương:2 Khổng:1 Thân:1 Nông:1 "
    "Bạch:1 Chế:1 Đồng:1 Giang:1 Hứa:1 Ông:1 Phùng:2 Tống:1 Triệu:1 Ung:1"
)
MEN_MIDDLE_OLD: Final = _shares(
    "Văn:46 Đình:8 Hữu:6 Xuân:6 Ngọc:5 Thanh:5 Minh:4 Công:4 Đức:3 Quang:3 Bá:2 Trọng:2 Thế:2 Sỹ:1 Duy:1"
)
MEN_MIDDLE: Final = _shares(
    "Văn:26 Minh:9 Quốc:8 Thanh:7 Ngọc:6 Hoàng:6 Đình:5 Hữu:5 Xuân:5 Đức:4 Quang:4 Công:3 Anh:3 Trọng:2 Duy:2 Thế:2 "
    "Tấn:2 Nhật:1"
)
MEN_MIDDLE_YOUNG: Final = _shares(
    "Gia:13 Minh:12 Quốc:8 Hoàng:8 Anh:7 Bảo:6 Nhật:6 Thanh:5 Đức:5 Tuấn:4 Văn:5 Thành:4 Thiên:4 Khánh:3 Ngọc:3 Phúc:3 "
    "Đăng:3 Quang:3 Tấn:2 Hữu:2 Duy:2 Trung:2"
)
WOMEN_MIDDLE_OLD: Final = _shares("Thị:84 Ngọc:3 Kim:3 Thanh:2 Xuân:2 Bích:1 Hồng:1 Mỹ:1")
WOMEN_MIDDLE: Final = _shares(
    "Thị:58 Ngọc:6 Thanh:6 Kim:5 Thu:4 Hồng:4 Mỹ:4 Bích:3 Phương:3 Thùy:3 Minh:2 Xuân:2 Như:1"
)
WOMEN_MIDDLE_YOUNG: Final = _shares(
    "Thị:20 Ngọc:10 Bảo:9 Như:8 Khánh:7 Thanh:7 Thảo:5 Minh:5 Phương:5 Gia:5 Quỳnh:4 Hoài:3 Kim:3 Thùy:3 Tường:3 Mỹ:3 "
    "Hồng:2 Nhã:2 Diễm:1"
)
SECOND_MIDDLE: Final = zipf("Thanh Ngọc Thu Hồng Kim Mỹ Bích Phương Thùy Minh Xuân Như Thúy Ánh Hoài Cẩm Tuyết Diệu")
"""Between Thị and the given name: Nguyễn Thị Hồng Nhung."""

MEN_OLD: Final = zipf(
    "Hùng Dũng Minh Thành Bình Hòa Sơn Hải Tâm Long Phong Thanh Đức Hai Ba Tư Năm Sáu Bảy Tám Chín Mười Lợi Phúc Lộc "
    "Thọ Châu Cảnh Hiền Nghĩa Quý Trung Chánh Ngọc An Khánh Phước Đông Xuân Thu Hiệp Lâm Tài Đạt Hưng Tân Bảo Cường "
    "Tuấn Ân Bé Cang Cơ Đào Đệ Giáo Hạnh Hoàng Kiệt Liêm Lý Mẫn Mạnh Nam Nhân Phú Quang Sang Sinh Thạch Thân Thuận "
    "Tiến Tín Trí Tùng Tường Vinh Xê Ý"
)
MEN: Final = zipf(
    "Tuấn Dũng Hùng Cường Hải Sơn Thành Tâm Minh Phong Bình Hòa Long Trung Đức Thắng Nam Hiếu Tài Vũ Linh Quang "
    "Duy Vinh Tùng Toàn Huy Phúc Lộc Khánh An Hưng Anh Tân Việt Hậu Nghĩa Thịnh Đạt Cảnh Phương Trường Tiến Kiên "
    "Quân Sang Thuận Tú Lâm Bảo Công Danh Định Đông Giang Hạnh Hoàng Hoài Khoa Kiệt Lợi Luân Lực Mạnh Mẫn Nguyên "
    "Nhân Nhật Pháp Phát Phú Phước Quốc Quý Thái Thanh Thiện Thọ Thông Tín Trí Triều Tường Văn Vương Vỹ Xuân Ý "
    "Nhựt Hoạt Thạch Thương"
)
MEN_YOUNG: Final = zipf(
    "Huy Khang Bảo Minh Phúc Anh Khoa Phát Đạt Khôi Long Nam Duy Quân Kiệt Thịnh Tuấn Hưng Hoàng Hiếu Nhân Trí "
    "Tài Phong Nguyên An Thành Đăng Khánh Lâm Quang Vinh Thiện Dũng Kiên Đức Tú Bình Nghĩa Tiến Hùng Vũ Sơn Hải "
    "Ân Toàn Quốc Việt Tâm Trường Tùng Thái Danh Linh Cường Nhật Hào Luân Trung Phú Vỹ Kha Gia Triết Tín Tân Lộc "
    "Thuận Thông Nghiêm Thiên Hậu Bách Dương Khải Lợi Quý Vương Hòa Sang"
)
WOMEN_OLD: Final = zipf(
    "Lan Hoa Hương Mai Cúc Đào Hai Ba Tư Năm Sáu Bảy Tám Chín Mười Hồng Liên Thu Xuân Hà Nga Phượng Loan Huệ Lý "
    "Bông Bưởi Cam Chanh Chút Thanh Tâm Hạnh Phước Bình Lành Hiền Sương Vân Nguyệt Sen Điệp Én Nhạn Kim Ngọc Bích "
    "Thơm Thọ Út Gái Lài Lựu Mận Nhung Nở Tùng Thảo Yến Ánh Châu Dung Đẹp Định Hòa Lệ Lượm Minh Mỹ Quý Tánh Thôi "
    "Thuận Tịnh Tuyết Xinh"
)
WOMEN: Final = zipf(
    "Hương Thủy Hà Lan Hoa Hạnh Loan Nga Hồng Thu Vân Thảo Hiền Tâm Phương Mai Yến Dung Tuyết Ngọc Liên Phượng Trang "
    "Nhung Huệ Linh Bích Thúy Oanh Nguyệt Thanh Cúc Lệ Sương Diễm Kiều Trinh Quyên Nhi Hằng Ánh Thương Lý Tuyền Vy "
    "Ly Hoài Diệu My Trâm Ngân Hòa Minh Châu Xuân Đào Hậu Na Thắm Thơm Thoa Vương Uyên Chi Giang Huyền Hường Lài Lành "
    "Luyến Mận Nữ Nương Phụng Phước Sa Sen Tiên Tình Trúc Út Việt Viên Xinh Ý"
)
WOMEN_YOUNG: Final = zipf(
    "Anh Vy Ngọc Nhi Hân Thư Linh Trân My Trang Ngân Nhiên Quỳnh Trâm Thảo Châu Như Ly Uyên Tiên Yến Phương Vân "
    "Hà Trinh Diệp Hương An Mai Khánh Tâm Duyên Trúc Kim Thy Vi Chi Hiền Đan Giang Ý Huyền Lam Nguyên Thùy Oanh "
    "Minh Tuyền Quyên Băng Hoa Ánh Kiều Diễm Hạnh Lan Nhung Thương Thúy Bích Di Hằng Nga Loan Phụng San Tú Ái Cát "
    "Đoan Hạ Khuê Mỹ Thanh Tường Viên Xuân"
)


@dataclass(frozen=True, slots=True)
class Generation:
    """Names of those born before ``until``."""

    until: int
    middle: dict[str, Weighted]
    given: dict[str, Weighted]
    no_middle: float
    second_middle: float
    """Of the women with Thị."""


GENERATIONS: Final = (
    Generation(1966, {"M": MEN_MIDDLE_OLD, "F": WOMEN_MIDDLE_OLD}, {"M": MEN_OLD, "F": WOMEN_OLD}, 0.13, 0.04),
    Generation(1993, {"M": MEN_MIDDLE, "F": WOMEN_MIDDLE}, {"M": MEN, "F": WOMEN}, 0.04, 0.32),
    Generation(9999, {"M": MEN_MIDDLE_YOUNG, "F": WOMEN_MIDDLE_YOUNG}, {"M": MEN_YOUNG, "F": WOMEN_YOUNG}, 0.02, 0.6),
)


def generation(birth_year: int) -> Generation:
    """Who was born in a year of change is of either generation; the border is not sharp in the lists either."""
    return next(found for found in GENERATIONS if birth_year < found.until)


def forenames(rng: random.Random, sex: str, birth_year: int) -> tuple[str, str]:
    """(middle, given): middle names ('' for none; perhaps two) and the given name."""
    lists = generation(birth_year)
    given = lists.given[sex].draw(rng)
    if rng.random() < lists.no_middle:
        return "", given
    middle = lists.middle[sex].draw(rng)
    if (middle == "Thị" and rng.random() < lists.second_middle) or (middle != "Thị" and rng.random() < 0.03):
        second = SECOND_MIDDLE.draw(rng)
        if second not in {middle, given}:
            middle = f"{middle} {second}"
    return (middle, given) if middle != given else ("", given)
