"""How everything is encrypted and authenticated: AES-256-CTR and Poly1305-AES over the result.

Source: restic, "Design", sections "Repository Format" and "Keys, Encryption and MAC"; D. J.
Bernstein, "The Poly1305-AES message-authentication code" (2005).
"""

import os
import threading
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES, AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

from springtide.errors import Damaged

KEY_BYTES = 64
_IV_BYTES = 16
_MAC_BYTES = 16
OVERHEAD = _IV_BYTES + _MAC_BYTES
"""How many bytes longer the sealed is than the plain."""


@dataclass(frozen=True, repr=False)
class SealingKey:
    """What encrypts and authenticates; safe to be used by several threads at once."""

    encryption: bytes
    """32 bytes for AES-256."""
    mac_nonce_key: bytes
    """16 bytes: encrypts the nonce (restic's `k`)."""
    mac_multiplier: bytes
    """16 bytes: what the message is multiplied with (restic's `r`)."""

    @classmethod
    def random(cls) -> "SealingKey":
        """A new key of the system's randomness."""
        return cls.from_bytes(os.urandom(KEY_BYTES))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "SealingKey":
        """The key of 64 bytes: 32 for encryption, 16 and 16 for authentication."""
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(raw)}")
        return cls(raw[:32], raw[32:48], _clamped(raw[48:]))

    def seal(self, plain: bytes | memoryview) -> bytes:
        """IV, encrypted text and authentication code in one piece."""
        iv = os.urandom(_IV_BYTES)
        text = self._counted(iv).update(plain)
        return b"".join((iv, text, Poly1305.generate_tag(self._mac_key(iv), text)))

    def open(self, sealed: bytes | memoryview) -> bytes:
        """What was sealed.

        Raises:
            Damaged: it was changed, cut short, or sealed with another key.
        """
        if len(sealed) < OVERHEAD:
            raise Damaged("too short to have been sealed")
        view = memoryview(sealed)
        iv, text, mac = bytes(view[:_IV_BYTES]), view[_IV_BYTES:-_MAC_BYTES], view[-_MAC_BYTES:]
        try:
            Poly1305.verify_tag(self._mac_key(iv), text, bytes(mac))
        except InvalidSignature as error:
            raise Damaged("not as it was sealed, or sealed with another key") from error
        return self._counted(iv).update(text)

    def _mac_key(self, nonce: bytes) -> bytes:
        return self.mac_multiplier + self._nonce_encryptor().update(nonce)

    def _counted(self, iv: bytes) -> CipherContext:
        """What encrypts and decrypts from that beginning: in counter mode both are the same."""
        # Made once for each thread, as the one below: a new one costs as much as a small blob.
        made: CipherContext | None = getattr(self._local, "counted", None)
        if made is None:
            made = self._local.counted = Cipher(AES256(self.encryption), CTR(iv)).encryptor()
        else:
            made.reset_nonce(iv)
        return made

    def _nonce_encryptor(self) -> CipherContext:
        # One block at a time, never the same one twice: what makes ECB weak elsewhere does not
        # arise.
        made: CipherContext | None = getattr(self._local, "nonces", None)
        if made is None:
            cipher = Cipher(AES(self.mac_nonce_key), ECB())  # noqa: S305 - as said
            made = self._local.nonces = cipher.encryptor()
        return made

    @cached_property
    def _local(self) -> threading.local:
        return threading.local()


def _clamped(multiplier: bytes) -> bytes:
    """The multiplier with those bits cleared that Poly1305 wants cleared."""
    mask = bytes.fromhex("ffffff0ffcffff0ffcffff0ffcffff0f")
    return bytes(byte & bits for byte, bits in zip(multiplier, mask, strict=True))
