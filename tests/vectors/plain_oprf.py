"""ristretto255 and the function of RFC 9497 once more, from the formulas of RFC 9496 alone: integers, hashlib, nothing else.

Slow, and not in constant time: for vectors only.
"""

from __future__ import annotations

from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def _negative(value: int) -> bool:
    return value % P % 2 == 1


def _absolute(value: int) -> int:
    return -value % P if _negative(value) else value % P


def _root_of_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of RFC 9496, 4.2."""
    root = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * root * root % P
    flipped, turned = check == -u % P, check == -u * ROOT % P
    if flipped or turned:
        root = root * ROOT % P
    return check == u % P or flipped, _absolute(root)


INVERSE_ROOT = _root_of_ratio(1, -1 - D)[1]
ROOT_MINUS = _root_of_ratio(-D - 1, 1)[1]


def _sqrt(value: int) -> int:
    good, root = _root_of_ratio(value, 1)
    assert good
    return root


ROOT_AD_MINUS_ONE = -_sqrt((-D - 1) % P) % P
"""The odd one of both roots is what RFC 9496, 4.1 names; `_map` tells which by its result."""


def add(a: Point, b: Point) -> Point:
    """Twisted Edwards, a = -1 (Hisil and others 2008, 3.1)."""
    left, right = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    t, z = 2 * D * a[3] * b[3], 2 * a[2] * b[2]
    e, f, g, h = right - left, z - t, z + t, right + left
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    for bit in bin(scalar % ORDER)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def encode(point: Point) -> bytes:
    """RFC 9496, 4.3.2."""
    x, y, z, t = point
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    _, inverse = _root_of_ratio(1, u1 * u2 * u2 % P)
    first, second = inverse * u1 % P, inverse * u2 % P
    z_inverse = first * second * t % P
    if _negative(t * z_inverse):
        x, y, last = y * ROOT % P, x * ROOT % P, first * INVERSE_ROOT % P
    else:
        last = second
    if _negative(x * z_inverse):
        y = -y % P
    return _absolute(last * (z - y)).to_bytes(32, "little")


def decode(data: bytes) -> Point:
    """RFC 9496, 4.3.1."""
    s = int.from_bytes(data, "little")
    assert s < P
    assert not _negative(s)
    u1, u2 = 1 - s * s, 1 + s * s
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inverse = _root_of_ratio(1, v * u2 * u2 % P)
    first = inverse * u2 % P
    x, y = _absolute(2 * s * first), u1 * inverse * first * v % P
    t = x * y % P
    assert square
    assert not _negative(t)
    assert y
    return x, y, 1, t


def _map(value: int) -> Point:
    """MAP of RFC 9496, 4.3.4."""
    r = ROOT * value * value % P
    u, c = (r + 1) * (1 - D * D) % P, P - 1
    v = (c - r * D) * (r + D) % P
    square, s = _root_of_ratio(u, v)
    if not square:
        s, c = -_absolute(s * value) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * ROOT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def _expand(message: bytes, tag: bytes) -> bytes:
    suffix = tag + bytes([len(tag)])
    first = sha512(bytes(128) + message + b"\x00\x40\x00" + suffix).digest()
    return sha512(first + b"\x01" + suffix).digest()


def to_group(message: bytes, tag: bytes) -> Point:
    wide = _expand(message, tag)
    halves = (int.from_bytes(wide[at : at + 32], "little") % 2**255 for at in (0, 32))
    return add(*(_map(half % P) for half in halves))


def function(secret: int, data: bytes, mode: int) -> bytes:
    """The output for an input, by whoever has the whole key (RFC 9497, 3.3.1)."""
    tag = b"HashToGroup-OPRFV1-" + bytes([mode]) + b"-ristretto255-SHA512"
    element = encode(multiply(secret, to_group(data, tag)))
    sized = len(data).to_bytes(2, "big") + data + len(element).to_bytes(2, "big") + element
    return sha512(sized + b"Finalize").digest()


def composite(public: bytes, blinded: list[bytes], evaluated: list[bytes]) -> list[int]:
    """The coefficients of a whole batch (docs/protocol.md 11)."""

    def sized(data: bytes) -> bytes:
        return len(data).to_bytes(2, "big") + data

    digests = [sha512(b"".join(many)).digest() for many in (blinded, evaluated)]
    seed = sha512(b"".join(map(sized, (public, *digests, b"lsi-match/v1/batch")))).digest()
    return [_scalar(sized(seed) + number.to_bytes(4, "big") + b"Composite") for number in range(len(blinded))]


def _scalar(message: bytes) -> int:
    tag = b"HashToScalar-OPRFV1-\x01-ristretto255-SHA512"
    return int.from_bytes(_expand(message, tag), "little") % ORDER


def proof(secret: int, nonce: int, blinded: list[bytes], evaluated: list[bytes]) -> bytes:
    """RFC 9497, 2.2.1, with those coefficients."""
    generator = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))
    public = encode(multiply(secret, generator))
    mean = NEUTRAL
    for factor, one in zip(composite(public, blinded, evaluated), blinded, strict=True):
        mean = add(mean, multiply(factor, decode(one)))
    parts = [public, *(encode(one) for one in (
        mean, multiply(secret, mean), multiply(nonce, generator), multiply(nonce, mean)
    ))]  # fmt: skip
    challenge = _scalar(b"".join(len(one).to_bytes(2, "big") + one for one in parts) + b"Challenge")
    response = (nonce - challenge * secret) % ORDER
    return challenge.to_bytes(32, "little") + response.to_bytes(32, "little")
