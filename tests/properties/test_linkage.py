"""Laws of linking, for any two descriptions: it does not matter who comes first, how a name is spelled, in which order
candidates come; what is missing never helps; a household in common never decides between its members.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import replace
from math import log2

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conflict.assignment import assign
from conflict.blocking import KEY_CHARACTERS_MAX, BlockIndex, block_keys
from conflict.comparison import LEVELS, PERSONAL, compare
from conflict.dates import PartialDate
from conflict.description import Description, describe
from conflict.linking import Party, find_links
from conflict.names import NO_NAME, parse_name
from conflict.parameters import current_parameters
from conflict.score import Score, score, verdict
from ops.synth.kinh_names import FAMILIES, MEN, MEN_MIDDLE, WOMEN, WOMEN_MIDDLE
from ops.synth.misspelling import capitals, decomposed, i_or_y, misspelled, tone_placement

PARAMETERS = current_parameters()
MINORITY = ("Y Wang Niê", "H'Blen Siu", "Siu HBlen", "Rmah Y Thui", "A Phin", "Đinh Văn Nghinh", "Bé Gái", "Trai", "")

kinh = st.builds(
    lambda family, middle, given_name: " ".join(part for part in (family, middle, given_name) if part),
    st.sampled_from(FAMILIES.words),
    st.sampled_from((*MEN_MIDDLE.words, *WOMEN_MIDDLE.words, "")),
    st.sampled_from((*MEN.words, *WOMEN.words)),
)


@st.composite
def written_names(draw: st.DrawFn) -> str:
    """As somebody writes it: right, misspelled, damaged, shortened, or not a name at all."""
    name = draw(kinh | st.sampled_from(MINORITY))
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(0, 2))):
        name = misspelled(rng, name, minority=draw(st.booleans()), damaged=draw(st.booleans()))[0] if name else name
    return name


digits = st.sampled_from("0123456789")
dates = st.one_of(
    st.just(""),
    st.dates().map(lambda day: day.replace(year=1950 + day.year % 70).isoformat() if day.day < 29 else "1980-05-05"),
    st.integers(1940, 2024).map(str),
    st.sampled_from(("1984-07-19", "1984-07", "1984-01-01", "1985-07-19", "1984-06-14")),
)
numbers = st.one_of(st.just(""), st.sampled_from(("052184003417", "052184003411", "052084003417", "21007699", "1")))
descriptions = st.builds(
    lambda values, place, left: describe(
        values, unit=place, origin="home" if left is None else "", departed=left, destination="away" if left else ""
    ),
    st.fixed_dictionaries(
        {
            "full_name": written_names() | st.text(max_size=20),
            "sex": st.sampled_from(("", "M", "F")),
            "birth_date": dates,
            "personal_id": numbers,
            "old_card_id": st.sampled_from(("", "210076991", "210076992")),
            "insurance_id": st.sampled_from(("", "5201234567", "5201234568")),
            "ethnicity": st.sampled_from(("", "Kinh", "Ê Đê", "Hrê")),
            "father_name": written_names(),
            "mother_name": written_names(),
            "phone": st.sampled_from(("", "0905123456", "0905123457")),
        }
    ),
    st.sampled_from(("home", "away", "")),
    st.sampled_from((None, True, False)),
)


def judged(result: Score) -> tuple[float, object, object, str]:
    return result.bits, result.hard, result.doubts, verdict(result, PARAMETERS)


@given(descriptions, descriptions, st.sampled_from((None, True, False)))
def test_it_does_not_matter_who_comes_first(one: Description, other: Description, together: bool | None) -> None:
    there = score(one, other, PARAMETERS, companions=together)
    back = score(other, one, PARAMETERS, companions=together)
    assert judged(there) == judged(back)
    assert there.evidence == back.evidence


@given(descriptions, descriptions)
def test_every_level_that_can_come_about_has_a_row(one: Description, other: Description) -> None:
    for item in compare(one, other):
        assert item.level in LEVELS[item.field]


@given(kinh, descriptions, st.integers(0, 2**32))
@example("Lê Thị Hoà", describe({"full_name": "Lê Thị Hòa"}), 1)
def test_another_spelling_of_a_name_changes_nothing(name: str, other: Description, seed: int) -> None:
    rng = random.Random(seed)
    respelled = tone_placement(rng, i_or_y(rng, name))
    for written in (respelled, capitals(rng, name), decomposed(rng, name), unicodedata.normalize("NFD", respelled)):
        one, again = (replace(other, name=parse_name(text)) for text in (name, written))
        assert judged(score(one, other, PARAMETERS)) == judged(score(again, other, PARAMETERS))
        assert block_keys(one) == block_keys(again)


MISSING = {
    "name": NO_NAME,
    "sex": "",
    "birth": None,
    "old_card": "",
    "insurance": "",
    "father": NO_NAME,
    "mother": NO_NAME,
    "ethnicity": "",
    "phone": "",
}


@given(descriptions, st.sampled_from(sorted(MISSING)))
def test_what_is_missing_never_helps_somebody_who_agrees(one: Description, column: str) -> None:
    other = replace(one, departed=None)
    less = replace(one, **{column: MISSING[column]})  # type: ignore[arg-type]
    assert score(less, other, PARAMETERS).bits <= score(one, other, PARAMETERS).bits + 1e-9


@given(descriptions, descriptions, st.sampled_from(sorted(MISSING)))
def test_a_missing_value_is_no_evidence(one: Description, other: Description, column: str) -> None:
    less = replace(one, **{column: MISSING[column]})  # type: ignore[arg-type]
    fields = {item.field.value for item in score(less, other, PARAMETERS).evidence}
    gone = {"name": {"family", "middle", "given", "order"}}.get(column, {column})
    assert not fields & gone


@given(descriptions, descriptions, st.sampled_from((None, True, False)))
def test_a_household_in_common_never_decides_between_its_members(
    one: Description, other: Description, together: bool | None
) -> None:
    """However much a household shares, the total stays below what the personal fields say against another member."""
    here = replace(one, mother=parse_name("Chế Thị Khuê"), phone="0905123456", unit="home", departed=True)
    there = replace(other, mother=parse_name("Chế Thị Khuê"), phone="0905123456", origin="home", departed=None)
    found = compare(here, there, companions=together)
    rows = [PARAMETERS.chances[item.field][item.level] for item in found if item.field in PERSONAL]
    personal = sum(log2(row.same) - log2(row.member) for row in rows)
    result = score(here, there, PARAMETERS, companions=together)
    assert result.bits <= personal - log2(PARAMETERS.members) + 1e-9


@given(st.lists(descriptions, min_size=2, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(found: list[Description], rng: random.Random) -> None:
    parties = {
        f"n:{at}": Party(f"n:{at}", one, "s" if one.departed is None else "", f"h{at % 2}")
        for at, one in enumerate(found)
    }
    arrivals = [ref for ref, party in parties.items() if party.description.departed is None]
    names = list(parties)
    first = find_links(parties, dict.fromkeys(arrivals, names), PARAMETERS)
    rng.shuffle(arrivals)
    rng.shuffle(names)
    shuffled = {ref: parties[ref] for ref in names}
    assert find_links(shuffled, {ref: [*names, *names] for ref in arrivals}, PARAMETERS) == first


@given(st.lists(descriptions, min_size=2, max_size=6))
def test_no_record_is_merged_with_two_who_cannot_be_one(found: list[Description]) -> None:
    parties = {f"n:{at}": Party(f"n:{at}", one) for at, one in enumerate(found)}
    arrivals = [ref for ref, party in parties.items() if party.description.departed is None]
    links = find_links(parties, {ref: list(parties) for ref in arrivals}, PARAMETERS)
    merged = [link for link in links if link.verdict == "automatic"]
    for link in merged:
        for other in merged:
            ends = {link.a, link.b} ^ {other.a, other.b}
            if link is not other and len(ends) == 2:
                one, two = (parties[ref].description for ref in sorted(ends))
                assert not score(one, two, PARAMETERS).hard


@given(descriptions)
def test_a_description_is_found_by_each_of_its_keys(one: Description) -> None:
    index = BlockIndex()
    index.add("n:1", one)
    for key in block_keys(one):
        assert len(key) <= KEY_CHARACTERS_MAX
        assert index.sharing(key) == {"n:1"}
    assert index.candidates(one).refs == ({"n:1"} if block_keys(one) else set())


@given(
    st.lists(st.lists(st.integers(-5, 30), min_size=1, max_size=5), min_size=1, max_size=5).filter(
        lambda rows: len({len(row) for row in rows}) == 1
    )
)
def test_an_assignment_is_the_best_there_is(rows: list[list[int]]) -> None:
    gains = {(f"r{at}", f"c{to}"): float(gain) for at, row in enumerate(rows) for to, gain in enumerate(row)}
    made = assign([f"r{at}" for at in range(len(rows))], [f"c{to}" for to in range(len(rows[0]))], gains)
    assert made is not None
    assert sum(gains[one.row, one.column] for one in made) == _by_trying(rows)
    assert len({one.row for one in made}) == len({one.column for one in made}) == len(made)
    for one in made:
        without = [
            [0 if (f"r{at}", f"c{to}") == (one.row, one.column) else gain for to, gain in enumerate(row)]
            for at, row in enumerate(rows)
        ]
        assert one.margin == pytest.approx(_by_trying(rows) - _by_trying(without))


def _by_trying(rows: list[list[int]], taken: frozenset[int] = frozenset()) -> int:
    if not rows:
        return 0
    best = _by_trying(rows[1:], taken)
    for to, gain in enumerate(rows[0]):
        if to not in taken and gain > 0:
            best = max(best, gain + _by_trying(rows[1:], taken | {to}))
    return best


@given(st.integers(1940, 2020), st.integers(1, 12), st.integers(1, 12))
def test_day_and_month_exchanged_still_share_a_key(year: int, month: int, day: int) -> None:
    one = Description(name=parse_name("Lê Thị Khuê"), birth=PartialDate(year, month, day))
    other = replace(one, birth=PartialDate(year, day, month))
    assert block_keys(one) & block_keys(other)
