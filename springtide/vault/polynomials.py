"""The random irreducible polynomial that restic wants in each repository's configuration.

restic's own writers cut files by it; ours do not. It is there so that both may write.

Source: M. Rabin, "Fingerprinting by random polynomials" (1981): of degree n prime, f is irreducible
if and only if x^(2^n) = x modulo f and f has no factor of degree 1.
"""

import secrets

DEGREE = 53
_TRIES = 10_000


def random_irreducible() -> int:
    """A polynomial over GF(2) of degree 53, its coefficients as the bits of a number."""
    for _ in range(_TRIES):
        # Without the constant term it would have the factor x.
        found = 1 << DEGREE | secrets.randbits(DEGREE) | 1
        if is_irreducible(found):
            return found
    raise AssertionError("one in 53 is irreducible")


def is_irreducible(polynomial: int) -> bool:
    """Whether a polynomial of degree 53 has no factor but itself and 1."""
    if polynomial.bit_length() != DEGREE + 1 or not polynomial & 1:
        return False
    if polynomial.bit_count() % 2 == 0:
        return False  # x + 1 divides it
    x = power = 0b10
    for _ in range(DEGREE):
        power = _remainder(_square(power), polynomial)
    return power == x


def _square(factor: int) -> int:
    """Over GF(2) a square has the same coefficients, each at twice its place."""
    return int(f"{factor:b}", 4) if factor else 0


def _remainder(dividend: int, divisor: int) -> int:
    length = divisor.bit_length()
    while dividend.bit_length() >= length:
        dividend ^= divisor << (dividend.bit_length() - length)
    return dividend
