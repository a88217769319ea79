"""Sealing: what is opened is what was sealed, or nothing is."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.errors import Damaged
from springtide.vault.sealing import KEY_BYTES, OVERHEAD, SealingKey

KEY = SealingKey.from_bytes(bytes(range(KEY_BYTES)))
PLAIN = b"what nobody else is to read"


@given(plain=st.binary(max_size=5000))
@settings(deadline=None)
def test_what_was_sealed_is_opened(plain: bytes) -> None:
    """Of any length, none included; it is longer by what restic says it is."""
    sealed = KEY.seal(plain)
    assert (plain, len(plain) + OVERHEAD) == (KEY.open(sealed), len(sealed))


@given(plain=st.binary(max_size=300), data=st.data())
@settings(deadline=None)
def test_any_flipped_bit_is_seen(plain: bytes, data: st.DataObject) -> None:
    """In the IV, in the text, in the code."""
    sealed = bytearray(KEY.seal(plain))
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    with pytest.raises(Damaged, match="not as it was sealed"):
        KEY.open(bytes(sealed))


@pytest.mark.parametrize(
    ("length", "words"),
    [
        pytest.param(0, "too short", id="nothing"),
        pytest.param(OVERHEAD - 1, "too short", id="less than the overhead"),
        pytest.param(OVERHEAD, "not as it was sealed", id="the overhead alone"),
        pytest.param(OVERHEAD + len(PLAIN) - 1, "not as it was sealed", id="one byte less"),
    ],
)
def test_what_was_cut_short_is_seen(length: int, words: str) -> None:
    """Each length has its words; none is opened."""
    with pytest.raises(Damaged, match=words):
        KEY.open(KEY.seal(PLAIN)[:length])


@pytest.mark.parametrize("part", [(0, 32), (32, 48), (48, 64)], ids=["text", "nonce", "multiplier"])
def test_another_key_opens_nothing(part: tuple[int, int]) -> None:
    """Where its authentication differs it is refused; that of the text alone gives other text."""
    raw = bytearray(range(KEY_BYTES))
    raw[part[0] : part[1]] = b"\x42" * (part[1] - part[0])
    other = SealingKey.from_bytes(bytes(raw))
    if part == (0, 32):
        assert other.open(KEY.seal(PLAIN)) != PLAIN
        return
    with pytest.raises(Damaged, match="sealed with another key"):
        other.open(KEY.seal(PLAIN))


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_key_has_its_length(length: int) -> None:
    """A byte too few or too many is no key."""
    with pytest.raises(ValueError, match="64 bytes"):
        SealingKey.from_bytes(bytes(length))


def test_two_of_one_text_differ() -> None:
    """The IV is random: nobody sees that two texts are the same."""
    assert KEY.seal(PLAIN) != KEY.seal(PLAIN)


def test_a_key_does_not_show_itself() -> None:
    """Where it is printed, e.g. in a traceback with locals, its bytes are not."""
    assert KEY.encryption.hex() not in repr(KEY)
    assert repr(KEY.encryption) not in repr(KEY)


def test_the_code_is_that_of_the_paper() -> None:
    """Computed anew by numbers: the sum of the blocks' products modulo 2^130 - 5, and the nonce."""
    sealed = KEY.seal(PLAIN)
    iv, text, code = sealed[:16], sealed[16:-16], sealed[-16:]
    encryptor = Cipher(AES(KEY.encryption), CTR(iv)).encryptor()
    assert encryptor.update(PLAIN) == text
    multiplier = int.from_bytes(bytes(range(48, 64)), "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for start in range(0, len(text), 16):
        block = int.from_bytes(text[start : start + 16] + b"\x01", "little")
        total = (total + block) * multiplier % (2**130 - 5)
    nonce = Cipher(AES(bytes(range(32, 48))), ECB()).encryptor().update(iv)  # noqa: S305 - Poly1305-AES
    expected = (total + int.from_bytes(nonce, "little")) % 2**128
    assert expected.to_bytes(16, "little") == code


def test_threads_share_a_key() -> None:
    """Many seal and open with one key at once."""
    plains = [bytes([number]) * number * 100 for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        assert plains == list(threads.map(lambda plain: KEY.open(KEY.seal(plain)), plains))
