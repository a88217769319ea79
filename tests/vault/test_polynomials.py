"""Polynomials over GF(2): judged by another algorithm, which is judged by trial division."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.vault.polynomials import DEGREE, is_irreducible, random_irreducible

HOW_MANY = {1: 2, 2: 1, 3: 2, 4: 3, 5: 6, 6: 9, 7: 18, 8: 30, 9: 56, 10: 99}
"""Irreducible polynomials over GF(2) by degree: sequence A001037 of the OEIS."""
KNOWN = {
    "of restic's chunker": (0x3DA3358B4DC173, True),
    "of restic's design document": (0x25B468838DCB75, True),
    "x^53 + x^6 + x^2 + x + 1": (1 << 53 | 0b1000111, True),
    "x^53": (1 << 53, False),
    "x^53 + 1": (1 << 53 | 1, False),
    "x^53 + x + 1": (1 << 53 | 0b11, False),
    "of restic's with the factor x": (0x3DA3358B4DC172, False),
    "zero": (0, False),
    "one": (1, False),
    "of a lower degree": (0b111, False),
    "of a higher degree": (0x3DA3358B4DC173 << 1 | 1, False),
}


def product(left: int, right: int) -> int:
    """Of two polynomials, bit by bit."""
    found = 0
    while right:
        if right & 1:
            found ^= left
        left, right = left << 1, right >> 1
    return found


def remainder(dividend: int, divisor: int) -> int:
    """What a division leaves, bit by bit."""
    while dividend.bit_length() >= divisor.bit_length():
        dividend ^= divisor << (dividend.bit_length() - divisor.bit_length())
    return dividend


def common_divisor(left: int, right: int) -> int:
    """The greatest, by Euclid."""
    while right:
        left, right = right, remainder(left, right)
    return left


def by_ben_or(polynomial: int) -> bool:
    """Whether it has no factor of degree 1, 2, … up to half its own, all of a degree at once."""
    power = 0b10
    for _ in range((polynomial.bit_length() - 1) // 2):
        power = remainder(product(power, power), polynomial)
        if common_divisor(polynomial, power ^ 0b10) != 1:
            return False
    return True


def by_trial(polynomial: int) -> bool:
    """Whether none of all smaller polynomials divides it."""
    half = (polynomial.bit_length() - 1) // 2
    return all(remainder(polynomial, factor) for factor in range(2, 2 << half))


@pytest.mark.parametrize(("degree", "expected"), HOW_MANY.items())
def test_the_judge(degree: int, expected: int) -> None:
    """It says the same as trial division, and finds as many as are known."""
    all_of_them = range(1 << degree, 2 << degree)
    judged = [polynomial for polynomial in all_of_them if by_ben_or(polynomial)]
    assert [polynomial for polynomial in all_of_them if by_trial(polynomial)] == judged
    assert expected == len(judged)


@pytest.mark.parametrize(("polynomial", "expected"), KNOWN.values(), ids=KNOWN.keys())
def test_a_known_one(polynomial: int, expected: bool) -> None:  # noqa: FBT001 - of a table
    """Those that restic names are, and those of another degree are not."""
    assert expected is is_irreducible(polynomial)
    if polynomial.bit_length() == DEGREE + 1:
        assert expected is by_ben_or(polynomial)


@given(low=st.integers(0, 2**DEGREE - 1))
@settings(deadline=None)
def test_the_judge_agrees(low: int) -> None:
    """Of any polynomial of the degree."""
    assert by_ben_or(1 << DEGREE | low) is is_irreducible(1 << DEGREE | low)


@given(data=st.data(), degree=st.integers(1, DEGREE // 2))
@settings(deadline=None)
def test_a_product_is_refused(data: st.DataObject, degree: int) -> None:
    """Of two factors of any degrees that make up its own."""
    left = 1 << degree | data.draw(st.integers(0, 2**degree - 1))
    rest = DEGREE - degree
    right = 1 << rest | data.draw(st.integers(0, 2**rest - 1))
    assert not is_irreducible(product(left, right))


def test_a_random_one_is_irreducible() -> None:
    """Each is, and no two are the same."""
    found = [random_irreducible() for _ in range(10)]
    assert [True] * 10 == [by_ben_or(polynomial) for polynomial in found]
    assert 10 == len(set(found))
    assert {DEGREE + 1} == {polynomial.bit_length() for polynomial in found}
