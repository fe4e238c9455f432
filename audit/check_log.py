#!/usr/bin/env python3
"""Check an exported processing log with nothing but this file, Python and the package `cryptography`.

    python check_log.py EXPORT POLICY ORIGIN [--older CHECKPOINT] [--proof FILE.tlog-proof] …

EXPORT is a folder from `lsi-match log export`; POLICY says whose signatures count (C2SP tlog-policy; make it yourself, from
the manifest that you signed); ORIGIN which log it must be: the matcher's domain, a slash, and the project, as in that manifest.
One key signs the logs of all projects of a matching environment. Nothing that the export says of itself is believed:

1. The entries are read one after the other, and the root of the tree over them is computed (RFC 9162, 2.1.1).
2. The checkpoint must state this origin, exactly this number of entries and this root.
3. A log key of the policy must have signed the checkpoint, and enough witnesses must have co-signed it.
4. An older checkpoint (that you kept, or that another controller shows you) must be signed by a log key of the
   policy and must be the root over the first so many of these entries: nothing was rewritten since.
5. A proof must be of an entry that stands in the export, and lead to the root that its own checkpoint states.

Not done here: judging gates, approvals, justifications and holds again. `lsi-match log verify --home … --papers …` does that.
Status 0: all of it holds. Status 1: something does not, and what it is stands on standard error.
"""

import argparse
import base64
import functools
import hashlib
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, WITNESS = 1, 4  # kinds of keys: signed-note "Ed25519 signatures", tlog-cosignature
WIDTH = 256  # entries in a whole bundle
# Keys of small order, which fit signatures that nobody made, by their y; a y of P or more is no form of a key (RFC 8032, 5.1.3).
P = 2**255 - 19
ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
SMALL_ORDER = {0, 1, P - 1, ORDER_8, P - ORDER_8}


class WrongError(Exception):
    """What does not hold."""


def need(holds, what):
    if not holds:
        raise WrongError(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text):
    value = base64.b64decode(text, validate=True)
    need(base64.b64encode(value).decode() == text, "base64 in another form than the one agreed")
    return value


def root(hashes, first=0, edge=()):
    """MTH (RFC 9162, 2.1.1): complete subtrees of one size are joined, at the end all, from right to left; `edge`: those of the
    `first` leaves, which come before these."""
    peaks = list(zip([height for height in range(64, -1, -1) if first >> height & 1], edge, strict=True))
    for found in hashes:
        height = 0
        while peaks and peaks[-1][0] == height:
            found, height = sha256(b"\x01" + peaks.pop()[1] + found), height + 1
        peaks.append((height, found))
    peaks = [found for _, found in reversed(peaks)] or [sha256(b"")]
    return functools.reduce(lambda right, left: sha256(b"\x01" + left + right), peaks)


def root_by_path(leaf, index, size, path):
    """The root to which an inclusion path leads (RFC 9162, 2.1.3.2); None when the path has a wrong length."""
    need(0 <= index < size, "a proof of an entry outside the log")
    fn, sn, found = index, size - 1, leaf
    for step in path:
        if sn == 0:
            return None
        if fn % 2 or fn == sn:
            found = sha256(b"\x01" + step + found)
            while fn and not fn % 2:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = sha256(b"\x01" + found + step)
        fn, sn = fn >> 1, sn >> 1
    return found if sn == 0 else None


def read_key(text, kind):
    """A vkey, name+id+base64 (signed-note, "Verifier keys"): its name, id and public key."""
    name, key_id, material = text.split("+", 2)
    raw = unbase64(material)
    own_id = sha256(name.encode() + b"\n" + raw)[:4]
    need(raw[0] == kind and len(raw) == 33 and own_id.hex() == key_id, f"the key of {name} is not right")
    y = int.from_bytes(raw[1:], "little") % 2**255
    need(y < P and y not in SMALL_ORDER, f"the key of {name} fits signatures that nobody made")
    return name, own_id, raw[1:]


def read_policy(text):
    """C2SP tlog-policy: keys of logs, keys of witnesses by name, groups by name, the quorum."""
    logs, witnesses, groups, quorum = [], {}, {}, None
    for line in text.split("\n"):
        word, *rest = line.split() or ["#"]
        if word == "log":
            logs.append(read_key(rest[0], LOG))
        elif word == "witness" and rest[0] not in witnesses:
            witnesses[rest[0]] = read_key(rest[1], WITNESS)
        elif word == "group" and rest[0] not in groups:
            name, least, *members = rest
            least = {"all": len(members), "any": 1}.get(least) or int(least)
            need(1 <= least <= len(set(members)) == len(members), f"the group {name} is not right")
            need(set(members) <= witnesses.keys() | groups.keys(), f"the group {name} has an unknown member")
            groups[name] = (least, members)
        elif word == "quorum" and quorum is None:
            quorum = rest[0]
        else:
            need(word.startswith("#"), f"the policy has a line that is not understood: {word}")
    need(quorum == "none" or quorum in witnesses or quorum in groups, "the policy has no quorum")
    need(len({key for _, _, key in witnesses.values()}) == len(witnesses), "two witnesses have one key")
    return logs, witnesses, groups, quorum


def signed_by(text, lines, key, kind):
    """Whether a line is by this key; one that says so and does not verify is wrong."""
    name, key_id, public = key
    found = False
    for line in lines:
        dash, signer, value = line.split(" ")
        raw = unbase64(value)
        if (dash, signer, raw[:4]) == ("—", name, key_id):
            signature, message = raw[4:], text
            if kind == WITNESS:
                signature = raw[12:]
                message = f"cosignature/v1\ntime {int.from_bytes(raw[4:12], 'big')}\n{text}"
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
            except InvalidSignature:
                raise WrongError(f"the signature of {name} does not fit") from None
            found = True
    return found


def read_checkpoint(note, policy, *, quorum=True):
    """The origin, size and root that a note states (tlog-checkpoint), once enough have signed it."""
    logs, witnesses, groups, wanted = policy
    need(min(note.replace("\n", " ")) >= " ", "there are control characters in a note")
    text, _, signatures = note.rpartition("\n\n")
    text, lines = text + "\n", signatures.removesuffix("\n").split("\n")
    need(any(signed_by(text, lines, key, LOG) for key in logs), "no log key of the policy signed")
    seen = {name for name, key in witnesses.items() if signed_by(text, lines, key, WITNESS)}

    def holds(name):
        least, members = groups.get(name, (1, []))
        return name == "none" or name in seen or sum(map(holds, members)) >= least

    need(not quorum or holds(wanted), f"too few co-signed: {', '.join(sorted(seen)) or 'nobody'}")
    origin, size, root_hash = text.split("\n")[:3]
    return origin, int(size), unbase64(root_hash)


def bundle_name(number, width):
    """tile/entries/<number>[.p/<width>], the number in groups of three digits: x001/x234/067."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return f"tile/entries/{'/'.join(groups)}" + (f".p/{width}" if width < WIDTH else "")


def read_leaves(export, size):
    """The entries: bundles of up to 256, each with its length in two bytes before it."""
    for start in range(0, size, WIDTH):
        count = min(WIDTH, size - start)
        data, at = (export / bundle_name(start // WIDTH, count)).read_bytes(), 0
        for _ in range(count):
            length = int.from_bytes(data[at : at + 2], "big")
            need(at + 2 + length <= len(data), f"the entries from {start} on are cut off")
            yield data[at + 2 : at + 2 + length]
            at += 2 + length
        need(at == len(data), f"there is more than {count} entries in the bundle from {start} on")


def check(export, policy_text, wanted, older=(), proofs=()):
    """Everything in the list at the top. Returns origin, size and root; raises WrongError, ValueError, OSError."""
    policy = read_policy(policy_text)
    origin, size, stated = read_checkpoint((export / "checkpoint").read_text(), policy)
    need(origin == wanted, f"this is another log: {origin}")
    hashes = [sha256(b"\x00" + leaf) for leaf in read_leaves(export, size)]
    need(root(hashes) == stated, "the entries are not those that were signed")
    for note in older:
        its_origin, its_size, its_root = read_checkpoint(note, policy, quorum=False)
        need(its_origin == origin, f"the older checkpoint is of another log: {its_origin}")
        need(its_size <= size, f"the older checkpoint has {its_size} entries, this log {size}: rolled back")
        need(root(hashes[:its_size]) == its_root, f"the first {its_size} entries are others: rewritten")
    for proof in proofs:
        head, _, note = proof.partition("\n\n")
        first, extra, index, *path = head.split("\n")
        need(
            first == "c2sp.org/tlog-proof@v1" and extra[:6] == "extra " and index[:6] == "index ",
            "not a tlog-proof",
        )
        data, zero, given = unbase64(extra[6:]).partition(b"\x00")
        leaf, at = sha256(b"\x00" + data), int(index[6:])
        its_origin, its_size, its_root = read_checkpoint(note, policy, quorum=False)
        need(its_origin == origin, f"the proof is of another log: {its_origin}")
        found = root_by_path(leaf, at, its_size, [unbase64(line) for line in path])
        need(found == its_root, f"the proof of entry {at} does not hold")
        # After a zero byte: the hashes of all entries; or a number, of so many the roots of their subtrees, and the other hashes.
        over = len(given) % 32
        first = int.from_bytes(given[:over], "big")
        every = [given[i : i + 32] for i in range(over, len(given), 32)]
        seen, rest = every[: first.bit_count()], every[first.bit_count() :]
        fits = over in (0, 8) and first + len(rest) == its_size and root(rest, first, seen) == its_root
        need(fits or not zero, f"the hashes in the proof of entry {at} are not those that were signed")
        need(at < size and hashes[at] == leaf, f"the proof of entry {at} is of another entry than here")
    return origin, size, stated


def main():
    reader = argparse.ArgumentParser(description="Check an exported processing log.")
    reader.add_argument("export", type=Path)
    reader.add_argument("policy", type=Path)
    reader.add_argument("origin", help="for example koppeling.example/samenloop")
    reader.add_argument("--older", type=Path, action="append", default=[])
    reader.add_argument("--proof", type=Path, action="append", default=[])
    given = reader.parse_args()
    try:
        older, proofs = ([file.read_text() for file in files] for files in (given.older, given.proof))
        origin, size, found = check(given.export, given.policy.read_text(), given.origin, older, proofs)
    except (WrongError, ValueError, IndexError, OSError) as problem:
        print(f"WRONG: {problem}", file=sys.stderr)
        return 1
    print(f"The log holds: {origin}, {size} entries, root {found.hex()}")
    print("NOT judged: gates, approvals, holds and justifications. Their papers are no part of an export.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
