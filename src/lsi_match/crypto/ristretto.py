"""The group ristretto255 (RFC 9496) and hashing to it (RFC 9380), over libsodium.

An *element* is 32 bytes, the one encoding of a group element; a *scalar* is 32 bytes, a number below the order of the group,
little endian. Whatever comes from somebody else goes through `check_elements` or `check_scalar` first: libsodium refuses bytes
that are no encoding, and nothing here ever takes or gives the identity, which would say nothing of any secret.

libsodium does the arithmetic on secrets in constant time; which functions exist is documented at
https://doc.libsodium.org/advanced/point-arithmetic/ristretto.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from functools import cache
from hashlib import sha512
from typing import TypeVar

from lsi_match.base.errors import LsiError, RefusedError

#: Bytes of an element and of a scalar; the field and the order of the group.
SIZE = 32
_FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = bytes(SIZE)
_HASH, _BLOCK = 64, 128
#: Items that a thread works on before it looks for more.
_AT_ONCE = 256
T = TypeVar("T")
S = TypeVar("S")


class RistrettoMissingError(LsiError): ...


class NoElementError(RefusedError):
    """Bytes that are no element, or the identity; which of them, counted from 1."""


class NoScalarError(LsiError): ...


@cache
def _library() -> ctypes.CDLL:
    """libsodium; raises RistrettoMissingError where it is not, or is too old for this group (before 1.0.18)."""
    name = find_library("sodium") or "libsodium.so.23"
    try:
        library = ctypes.CDLL(name)
        good = library.sodium_init() >= 0 and library.crypto_core_ristretto255_bytes() == SIZE
    except (OSError, AttributeError):
        good = False
    if not good:
        raise RistrettoMissingError()
    return library


def require_library() -> None:
    """Raises RistrettoMissingError where libsodium is not on this machine."""
    _library()


def available() -> bool:
    """Whether libsodium is on this machine."""
    try:
        require_library()
    except RistrettoMissingError:
        return False
    return True


def _made(function: str, *given: bytes) -> bytes:
    """The 32 bytes that a function of libsodium makes of these; raises NoElementError where it refuses them."""
    refused, made = _called(function, *given)
    if refused:
        raise NoElementError(number=1)
    return made


def _called(function: str, *given: bytes) -> tuple[int, bytes]:
    """What a function of libsodium returns, which means nothing where it returns nothing, and the 32 bytes that it makes."""
    into = ctypes.create_string_buffer(SIZE)
    return getattr(_library(), function)(into, *given), into.raw


def check_elements(elements: bytes) -> None:
    """Raises NoElementError unless these are elements, one after the other, and none the identity."""
    valid = _library().crypto_core_ristretto255_is_valid_point
    for number, one in enumerate(split(elements), 1):
        value = int.from_bytes(one, "little")
        # libsodium 1.0.18 does not look at the highest bit, so that it takes two texts for one element.
        if len(one) != SIZE or not 0 < value < _FIELD or value % 2 or not valid(one):
            raise NoElementError(number=number)


def spread(work: Callable[[T], S], items: Sequence[T]) -> list[S]:
    """`work` on each of these, in their order, on all processors: libsodium works without the lock of Python."""
    parts = [items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE)]
    if len(parts) < 2:
        return [work(one) for one in items]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [one for done in pool.map(lambda some: [work(one) for one in some], parts) for one in done]


def split(whole: bytes) -> list[bytes]:
    """Elements or scalars that stand one after the other."""
    return [whole[at : at + SIZE] for at in range(0, len(whole), SIZE)]


def check_scalar(scalar: bytes) -> None:
    """Raises NoScalarError unless this is the one encoding of a scalar that is not zero."""
    if len(scalar) != SIZE or not 0 < int.from_bytes(scalar, "little") < ORDER:
        raise NoScalarError()


def random_scalar() -> bytes:
    """A scalar that is not zero, evenly."""
    return _called("crypto_core_ristretto255_scalar_random")[1]


def base_times(scalar: bytes) -> bytes:
    """The generator times a scalar; raises NoElementError for the scalar zero."""
    return _made("crypto_scalarmult_ristretto255_base", scalar)


def times(scalar: bytes, element: bytes) -> bytes:
    """An element times a scalar; raises NoElementError where the result is the identity."""
    return _made("crypto_scalarmult_ristretto255", scalar, element)


def plus(one: bytes, other: bytes) -> bytes:
    """The sum of two elements; raises NoElementError where it is the identity."""
    return total((one, other))


def total(elements: Sequence[bytes]) -> bytes:
    """The sum of one element or more; raises NoElementError where it is the identity."""
    whole = elements[0]
    for one in elements[1:]:
        whole = _made("crypto_core_ristretto255_add", whole, one)
    return _no_identity(whole)


def _no_identity(element: bytes) -> bytes:
    if element == _IDENTITY:
        raise NoElementError(number=1)
    return element


def combination(scalars: Sequence[bytes], elements: Sequence[bytes]) -> bytes:
    """The sum of each element times its scalar. A term, or the sum, that is the identity raises NoElementError."""
    return total(spread(lambda one: times(*one), list(zip(scalars, elements, strict=True))))


def _scalars(function: str) -> Callable[[bytes, bytes], bytes]:
    def of(one: bytes, other: bytes) -> bytes:
        return _called(f"crypto_core_ristretto255_scalar_{function}", one, other)[1]

    return of


scalar_add, scalar_sub, scalar_mul = _scalars("add"), _scalars("sub"), _scalars("mul")


def inverse(scalar: bytes) -> bytes:
    """One over a scalar that is not zero."""
    return _made("crypto_core_ristretto255_scalar_invert", scalar)


def expand_message(message: bytes, tag: bytes) -> bytes:
    """`expand_message_xmd` of RFC 9380, 5.3.1, with SHA-512, for 64 bytes. `tag` is the domain separation tag, at most 255 bytes."""
    suffix = tag + len(tag).to_bytes(1, "big")
    first = sha512(bytes(_BLOCK) + message + _HASH.to_bytes(2, "big") + b"\0" + suffix).digest()
    return sha512(first + b"\1" + suffix).digest()


def hash_to_group(message: bytes, tag: bytes) -> bytes:
    """`hash_to_ristretto255` of RFC 9380, appendix B: the element of a message, of which nobody knows the logarithm."""
    return _no_identity(_made("crypto_core_ristretto255_from_hash", expand_message(message, tag)))


def hash_to_scalar(message: bytes, tag: bytes) -> bytes:
    """A scalar from a message, evenly (RFC 9497, 4.1)."""
    return _called("crypto_core_ristretto255_scalar_reduce", expand_message(message, tag))[1]
