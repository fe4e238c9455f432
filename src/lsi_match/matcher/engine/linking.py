"""Which records are one person or object: by the numbers that they share, and by the person keys that they agree on.

Piece by piece, so that memory holds a piece of the tokens or pairs, and some 60 bytes for each record. All else is in buffers that
go to disk encrypted (`crypto.spill_buffer`):

    tokens      per kind, by range of the token: what was delivered, re-keyed with a key of this object
    pairs       by record: pairs that agree on a person key; each piece of the tokens is work that any process can do (`agreeing_pairs`)
    candidates  by record: pairs that agree on a person key, and on which (bits)
    met         by person: the same of persons, as these are known now, and how they stand to each other

Numbers join records; person keys propose. A place is a selection of a partner. A person is known by the first of its records; at
first every record is a person of its own. Which patterns of agreement may link is worked out by
`lsi_match.matcher.engine.calibration`; docs/person-keys.md says how, and what it reaches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa

from lsi_match.crypto.block_cipher import decrypt_blocks, encrypt_blocks, make_key
from lsi_match.crypto.spill_buffer import SpillBuffer
from lsi_match.manifest.identifiers import IdentifierKind
from lsi_match.manifest.person_keys import CROWD
from lsi_match.matcher.engine.calibration import Calibration, Counted, Group, Stands, pairs_of
from lsi_match.matcher.engine.patterns import Pattern, known_of, pattern_of
from lsi_match.protocol.tables import BLOCK_TYPE, blocks_of, in_one_piece

#: How often it is linked in the same patterns, and with more patterns. Few rounds need half of these.
_TIMES, _STEPS = 6, 12
#: Tokens of one piece: some 100 bytes each.
PIECE = 1_000_000
#: Records or pairs that are looked at at a time, where there is something to look up for each.
_SLICE = 1 << 22
#: Bytes of each buffer that memory holds.
ROOM = 64 * 2**20
#: Pieces of pairs for each piece of the tokens of a kind: a record is in some fifteen.
_PAIRS = 8
_side_by_side = partial(np.concatenate, axis=1)
_HALF, _NONE = np.uint64(32), np.uint32(2**32 - 1)
#: Persons who have two different BSNs are never one.
_NEVER = len(Stands)


#: Has a stage of linking done for each of these inputs, and gives what came of them in order.
Each = Callable[[str, Sequence[Callable[[], bytes]]], Iterator[bytes]]


def in_turn(_stage: str, inputs: Sequence[Callable[[], bytes]]) -> Iterator[bytes]:
    """One after another, here."""
    return (agreeing_pairs(given()) for given in inputs)


@dataclass(frozen=True)
class LinkQuality:
    """How many links were made on person keys, how many of them are false by the estimate, and at most."""

    links: int = 0
    false: int = 0
    at_most: int = 0


@dataclass(frozen=True)
class _Found:
    """Who was found so far.

    Attributes:
        component: of each record, the first record of its person.
        inside: of each person the keys (bits) that two of its records agree on.
        places: of each person the places where it stands, in words of bits.
        met: persons who agree on a key: the two of them, the keys, and in which combination of keys they stand to each other how.
        linked: links in each pattern until now.
        pairs: pairs of persons by combination and how they stand to each other (shape (combinations, stands)).
        all_pairs: as of `Counted`.
    """

    component: np.ndarray
    inside: np.ndarray
    places: list[np.ndarray]
    met: SpillBuffer
    linked: np.ndarray
    pairs: np.ndarray
    all_pairs: np.ndarray


class Linking:
    """The records of one run.

    Args:
        kinds: of identifiers; person keys are named `pk_…`.
        records: how many there are.
        crowd: a number at more records than this is nobody's.
        bound: the largest share of false links in a pattern that links; and when a larger share of records than this has another
            one with the same names and birth date in its place, people have several records in a place.
        place: folder in which lies what there is no room for.
        each: has a piece of work done for each of many inputs; by whom, it knows.

    Attributes:
        component: of each record, the first one that it is joined with; known after `link`.
        crowds: kind of number → values of it that are nobody's, as delivered.
        crowded: person key → how many records had a value of it that too many share, and that therefore linked nothing.
        repeats: whether people have several records in a place.
        quality: of the links that were made on person keys.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        records: int,
        crowd: int,
        bound: float,
        place: Path | None = None,
        each: Each = in_turn,
    ) -> None:
        self._each = each
        self._kinds, self._records, self._crowd, self._bound, self._place = (
            kinds,
            records,
            crowd,
            bound,
            place,
        )
        proposing = [kind for kind in kinds if kind.startswith("pk_")]
        self._bit = {kind: np.uint64(1 << bit) for bit, kind in enumerate(proposing)}
        self._names = [kind.removeprefix("pk_") for kind in proposing]
        self._pieces = -(-max(1, records) // PIECE)
        self._pieces_of_pairs = _PAIRS * self._pieces if proposing else 0
        self._run_key = make_key()
        self._tokens = self._buffer(len(kinds) * self._pieces)
        self._places = np.zeros(records, np.uint16)
        self._shown = np.zeros(records if proposing else 0, np.min_scalar_type((1 << len(proposing)) - 1))
        self._number = np.full(records if IdentifierKind.BSN.value in kinds and proposing else 0, _NONE)
        self._numbered = np.zeros(records, np.bool_)
        self.component = np.arange(records, dtype=np.uint32)
        self.crowds: dict[str, pa.Array] = {}
        self.crowded: Counter[str] = Counter()
        self.repeats = False
        self._patterns: dict[Pattern, int] = {}
        self._combinations: dict[tuple[int, ...], int] = {}
        #: Combination → the pattern that it is.
        self._pattern = np.zeros(0, np.int64)
        self.quality = LinkQuality()

    def _buffer(self, parts: int) -> SpillBuffer:
        return SpillBuffer(parts, self._place, ROOM, _side_by_side)

    # in

    def add(self, place: np.ndarray | int, numbers: np.ndarray, keys: Mapping[str, pa.ChunkedArray]) -> None:
        """Take in the values of all kinds of some records: at which places, which records, and null where one has none."""
        self._places[numbers] = place
        for at, kind in enumerate(self._kinds):
            column = in_one_piece(keys[kind])
            there = column.is_valid().to_numpy(zero_copy_only=False)
            rekeyed = np.frombuffer(encrypt_blocks(blocks_of(column).data, self._run_key), np.uint64).reshape(
                -1, 2
            )
            if bit := self._bit.get(kind):
                self._shown[numbers[there]] |= bit.astype(self._shown.dtype)
            places = self._places[numbers[there]].astype(np.uint64)
            tokens = np.stack([*rekeyed[there].T, places << _HALF | numbers[there].astype(np.uint64)])
            piece = (tokens[0] >> _HALF) * np.uint64(self._pieces) >> _HALF
            _scatter(self._tokens, tokens, piece, at * self._pieces)

    # out

    def link(self) -> None:
        """Join records by the numbers that they share, then by what person keys tell."""
        candidates = self._candidates()
        self._run_key = b""
        if not self._bit:
            return
        self._words = self._words_of_places()
        none, nobody = np.zeros(0, np.int64), np.zeros_like(self._shown)
        self._found = self._joined(
            _Found(self.component, nobody, [], candidates, none, none, none), self.component
        )
        linking, barred = self._try(self._those("likely_one"), np.zeros(0, bool), np.zeros(0))
        on_trial = True
        for _ in range(_STEPS):
            before, found = self._found.linked.sum(), Calibration(self._bound, self._counted())
            tried = found.promising(on_trial) & ~self._wide(linking) & ~self._wide(barred)
            linking, failed = self._try(tried, linking, found.few)
            barred = self._wide(barred) | failed
            if self._found.linked.sum() == before:
                if not on_trial:
                    break
                # What failed while others had no counterpart yet may keep the bound now.
                on_trial, barred = False, np.zeros(0, bool)
        false, at_most = Calibration(self._bound, self._counted()).estimate()
        self.quality = LinkQuality(int(self._found.linked.sum()), round(false), ceil(at_most))
        self.component = self._found.component
        self._found.met.close()

    def somewhere(self, numbers: np.ndarray) -> np.ndarray:
        """Which of these records are in a component: not those that have nothing but numbers that are nobody's."""
        if not self.crowds:
            return np.ones(len(numbers), np.bool_)
        own: np.ndarray = self._numbered[numbers]
        return own | (self._shown[numbers] != 0) if self._bit else own

    def counts(self) -> dict[str, int]:
        """How many links were made on person keys, how many are false by the estimate and at most; nothing without keys."""
        told = self.quality
        links = {"links": told.links, "false_links": told.false, "false_links_at_most": told.at_most}
        return links if self._bit else {}

    # tokens

    def _candidates(self) -> SpillBuffer:
        """Join by numbers; and pairs of records that agree on a person key, by the first of the two."""
        pairs = self._buffer(self._pieces_of_pairs)
        # The key that alone shows that two records have both names and the birth date in common comes first.
        telling = next((k for k, n in zip(self._bit, self._names, strict=True) if _tells(n)), None)
        for kind in sorted(self._kinds, key=lambda kind: kind != telling):
            start = self._kinds.index(kind) * self._pieces
            if kind not in self._bit:
                for number in range(start, start + self._pieces):
                    self._join_by(kind, *_grouped(_together(self._tokens.take(number), 3)))
                continue
            apart, twice = not self.repeats and kind != telling, 0
            asked = np.array([self._pieces_of_pairs, apart, kind == telling], np.uint64)
            inputs = [partial(self._asked, asked, start + piece) for piece in range(self._pieces)]
            for number, data in enumerate(self._each("pairs", inputs), start):
                self._tokens.forget(number)
                crowd, more, ends, found = _read_pairs(data, self._pieces_of_pairs)
                twice += more
                if crowd:
                    self.crowded[kind] += crowd
                for piece, (one, other) in enumerate(pairwise(ends)):
                    keys = np.full(other - one, self._bit[kind])
                    pairs.add(piece, np.stack([found[one:other], keys]))
            if kind == telling:
                self.repeats = twice > self._bound * self._records
        self._tokens.close()
        candidates = self._buffer(self._pieces_of_pairs)
        for piece in range(self._pieces_of_pairs):
            candidates.add(piece, _merged(_together(pairs.take(piece), 2)))
        return candidates

    def _join_by(self, kind: str, value: np.ndarray, tokens: np.ndarray) -> None:
        """Join who has the same number; those that more records have than one can be forgotten."""
        records = (tokens[2] & np.uint64(_NONE)).astype(np.uint32)
        starts = np.flatnonzero(np.diff(value, prepend=-1))
        many = np.bincount(value) > self._crowd
        if many.any():
            keys = np.ascontiguousarray(tokens[:2, starts[many]].T)
            plain = pa.py_buffer(decrypt_blocks(keys.data.cast("B"), self._run_key))
            found = pa.FixedSizeBinaryArray.from_buffers(BLOCK_TYPE, len(keys), [None, plain])
            self.crowds[kind] = pa.concat_arrays([self.crowds.get(kind, found[:0]), found])
        own = ~many[value]
        self._numbered[records[own]] = True
        first = np.minimum.reduceat(records, starts)[value] if len(value) else records
        if kind == IdentifierKind.BSN.value and len(self._number):
            self._number[records[own]] = first[own]
        ends = (self.component[end[own]] for end in (records, first))
        self.component = _label(self.component, _pair(*ends))

    def _asked(self, asked: np.ndarray, number: int) -> bytes:
        """What `agreeing_pairs` is given of a piece."""
        return np.concatenate([asked, _together(self._tokens.read(number), 3).ravel()]).tobytes()

    # persons

    def _try(self, tried: np.ndarray, linking: np.ndarray, few: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Link in these patterns too. Which ones turn out to hold too many coincidences is seen when it is known who is left
        without a counterpart; then it is done again without them. Those that link, and those that failed."""
        before, failed = self._found, np.zeros(0, bool)
        while True:
            for _ in range(_TIMES):
                if not self._step(self._wide(linking) | self._wide(tried)):
                    break
            failing = Calibration(self._bound, self._counted(), self._wide(few)).failing() & self._wide(tried)
            if not failing.any():
                return self._wide(linking) | self._wide(tried), self._wide(failed)
            self._found = before
            tried, failed = self._wide(tried) & ~failing, self._wide(failed) | failing

    def _those(self, name: str) -> np.ndarray:
        """The patterns of which this property holds."""
        return np.array([getattr(pattern, name) for pattern in self._patterns], bool)

    def _wide(self, marks: np.ndarray) -> np.ndarray:
        """With patterns that were seen since."""
        return np.pad(marks, (0, len(self._patterns) - len(marks)))

    def _named(self, bits: int) -> list[str]:
        return [name for bit, name in enumerate(self._names) if bits >> bit & 1]

    def _counted(self) -> Counted:
        """What is counted of who was found so far."""
        found = self._found
        pairs = np.zeros((_NEVER + 1, len(self._patterns)), np.int64)
        for stands, counts in enumerate(found.pairs.reshape(-1, _NEVER + 1).T):
            np.add.at(pairs[stands], self._pattern[: len(counts)], counts)
        return Counted(list(self._patterns), pairs[:_NEVER], self._wide(found.linked), found.all_pairs)

    def _joined(self, before: _Found, component: np.ndarray) -> _Found:
        """Who is found when persons are joined to these, how they stand to each other, and how often."""
        inside = _gathered(np.bitwise_or, before.inside, component)
        scattered, made = self._buffer(self._pieces_of_pairs), self._buffer(self._pieces_of_pairs)
        for number in range(self._pieces_of_pairs):
            met = _together(before.met.read(number), 3)[:2]
            one, other = (component[end] for end in _ends(met[0]))
            same = one == other
            np.bitwise_or.at(inside, one[same], met[1][same].astype(inside.dtype))
            met = np.stack([_pair(one, other), met[1]])[:, ~same]
            _scatter(scattered, met, (met[0] >> _HALF) % np.uint64(self._pieces_of_pairs))
        persons, counts = self._persons(component, inside), np.zeros(0, np.int64)
        for number in range(self._pieces_of_pairs):
            pairs, agreed = _merged(_together(scattered.take(number), 2))
            codes = self._codes(persons, pairs, agreed)
            made.add(number, np.stack([pairs, agreed, codes]))
            counts = np.pad(counts, (0, len(self._combinations) * (_NEVER + 1) - len(counts)))
            counts += np.bincount(codes.view(np.int64), minlength=len(counts))
        self._name_patterns()
        pairs, places = counts.reshape(-1, _NEVER + 1), persons.places
        return _Found(
            component, inside, places, made, before.linked, pairs, pairs_of(persons.groups, self.repeats)
        )

    def _codes(self, persons: _Persons, pairs: np.ndarray, agreed: np.ndarray) -> np.ndarray:
        """In which combination of keys, agreed on and had by both, two persons stand to each other, and how."""
        one, other = _ends(pairs)
        seen, at = _distinct(agreed, persons.shown[one] & persons.shown[other])
        numbers = [self._combinations.setdefault(key, len(self._combinations)) for key in seen]
        meet = _meet(persons.places, one, other)
        stands = np.where(meet, Stands.OPEN if self.repeats else Stands.APART, Stands.OPEN).astype(np.uint64)
        stands[meet & persons.certain[one] & persons.certain[other]] = Stands.DECOYS
        if len(persons.number):
            mine, yours = persons.number[one], persons.number[other]
            stands[(mine != yours) & (mine != _NONE) & (yours != _NONE)] = _NEVER
        codes: np.ndarray = np.array(numbers, np.uint64)[at] * np.uint64(_NEVER + 1) + stands
        return codes

    def _words_of_places(self) -> list[np.ndarray]:
        """Of each record its place, in words of bits."""
        words, slices, seen = [], _slices(self._records), np.zeros(1 << 16, np.bool_)
        for part in slices:
            seen[self._places[part]] = True
        # Where people have several records in a place, places do not count. Of more than 128 places some share a bit: these link less.
        bit = (np.cumsum(seen) - 1) % (1 if self.repeats else 128)
        for word in range(int(bit[seen].max(initial=0)) // 64 + 1):
            of_place = np.where(bit // 64 == word, np.uint64(1) << (bit % 64).astype(np.uint64), np.uint64(0))
            of_place = of_place.astype(np.min_scalar_type(of_place[seen].max(initial=1)))
            words.append(np.concatenate([of_place[:0], *(of_place[self._places[part]] for part in slices)]))
        self._places = self._places[:0]
        return words

    def _persons(self, component: np.ndarray, inside: np.ndarray) -> _Persons:
        """What is known of these persons."""
        places = [_gathered(np.bitwise_or, word, component) for word in self._words]
        shown, certain = _gathered(np.bitwise_or, self._shown, component), np.zeros(self._records, np.bool_)
        number = _gathered(np.minimum, self._number, component) if len(self._number) else self._number
        counts: Counter[tuple[int, ...]] = Counter()
        for part in _slices(self._records):
            seen, at = _distinct(inside[part])
            sure = [pattern_of(self._named(one), self._named(one)).likely_one for (one,) in seen]
            certain[part] = np.array(sure, bool)[at]
            first = np.flatnonzero(component[part] == _numbers(part))
            seen, at = _distinct(*(column[part][first] for column in (certain, shown, *places)))
            counts.update(dict(zip(seen, np.bincount(at).tolist(), strict=True)))
        groups = [
            Group(
                sum(word << 64 * n for n, word in enumerate(at)),
                bool(certain),
                known_of(frozenset(self._named(keys))),
                count,
            )
            for (certain, keys, *at), count in counts.items()
        ]
        return _Persons(places, shown, number, certain, groups)

    def _name_patterns(self) -> None:
        """Know the patterns of combinations that were not seen before."""
        new = list(self._combinations)[len(self._pattern) :]
        patterns = {key: pattern_of(self._named(key[0]), self._named(key[1])) for key in sorted(new)}
        for pattern in patterns.values():
            self._patterns.setdefault(pattern, len(self._patterns))
        numbers = [self._patterns[patterns[key]] for key in new]
        self._pattern = np.concatenate([self._pattern, np.array(numbers, np.int64)])

    # one step

    def _step(self, linking: np.ndarray) -> int:
        """Link persons who fit each other best in these patterns, and those who are surely one; how many links.

        No person comes to hold two who contradict each other, unless that pattern links."""
        found, sure, likely = self._found, self._those("surely_one"), self._those("likely_one")
        never = np.zeros(len(linking), bool)
        pairs, score, made = self._met(
            [linking | sure, (linking & likely & self.repeats) | sure, sure, never]
        )
        best = self._best(pairs, score)
        pairs, made = pairs[best], made[best]
        component = _label(found.component, pairs)
        torn, _, _ = self._met([self._those("contradicts") & ~linking] * _NEVER + [never], component)
        if torn.size:
            whole = likely[made] | ~np.isin(component[_ends(pairs)[0]], component[_ends(torn)[0]])
            pairs, made = pairs[whole], made[whole]
            component = _label(found.component, pairs)
        if len(made):
            linked = self._wide(found.linked) + np.bincount(made, minlength=len(linking))
            self._found = self._joined(replace(found, linked=linked), component)
        return len(made)

    def _met(self, wanted: Sequence[np.ndarray], component: np.ndarray | None = None) -> list[np.ndarray]:
        """Persons who met, on how many keys they agree, and their pattern: of those who stand so to each other in such a pattern;
        and are in one component, where that is given."""
        by_code, found = np.array(wanted)[:, self._pattern].T.ravel(), []
        pattern = np.repeat(self._pattern, _NEVER + 1).astype(np.uint16)
        for number in range(self._pieces_of_pairs):
            pairs, agreed, codes = _together(self._found.met.read(number), 3)
            own = by_code[codes.view(np.int64)]
            if component is not None:
                one, other = _ends(pairs[own])
                own[own] = component[one] == component[other]
            found.append((pairs[own], np.bitwise_count(agreed[own]), pattern[codes[own].view(np.int64)]))
        return [np.concatenate(columns) for columns in zip(*found, strict=True)]

    def _best(self, pairs: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Of which of these pairs neither has another one who fits as well and is somebody else: who stands where this one does,
        and does not fit it."""
        best, times = np.ones(len(pairs), np.bool_), np.zeros(self._records, np.uint32)
        slices = _slices(len(pairs))
        for part in slices:
            for end in _ends(pairs[part]):
                np.add.at(times, end, np.uint32(1))
        often = [np.max([times[end] for end in _ends(pairs[part])], axis=0) > 1 for part in slices]
        some = np.flatnonzero(np.concatenate([best[:0], *often]))
        one, other = _ends(pairs[some])
        me = np.concatenate([one, other])
        order, fitting = np.argsort(me), np.sort(pairs[some])
        you = np.concatenate([other, one])[order]
        edge = np.concatenate([some, some])[order]
        for a, b in _within(me[order]):
            meet = _meet(self._found.places, you[a], you[b])
            both, a, b = _pair(you[a[meet]], you[b[meet]]), a[meet], b[meet]
            fits = fitting[np.minimum(np.searchsorted(fitting, both), len(fitting) - 1)] == both
            x, y = edge[a[~fits]], edge[b[~fits]]
            best[x[score[y] >= score[x]]] = False
            best[y[score[x] >= score[y]]] = False
        return best


@dataclass(frozen=True)
class _Persons:
    """By the first record of each person: where it stands (words of bits), which keys its records have (bits), the record that is
    first with its BSN, and whether several records tell names and birth date alike; and how many there are of each kind."""

    places: list[np.ndarray]
    shown: np.ndarray
    number: np.ndarray
    certain: np.ndarray
    groups: list[Group]


def agreeing_pairs(data: bytes) -> bytes:
    """Pairs that agree on a value of one person key, unless too many share it: of a piece of its tokens, by the pieces of pairs.

    Of one place only where asked: pairs that the telling key brings together may be sure."""
    words = np.frombuffer(data, np.uint64)
    parts, apart, telling = words[:3].tolist()
    value, tokens = _grouped(words[3:].reshape(3, -1))
    many = np.bincount(value)[value]
    twice = (
        np.unique(value << 16 | (tokens[2] >> _HALF).view(np.int64), return_counts=True)[1]
        if telling
        else many[:0]
    )
    own = (many > 1) & (many <= CROWD)
    value, (place, record) = value[own], _ends(tokens[2, own])
    found: list[list[np.ndarray]] = [[] for _ in range(parts)]
    for a, b in _within(value):
        if apart:
            a, b = (end[place[a] != place[b]] for end in (a, b))
        pairs = _pair(record[a], record[b])
        for part, some in _by_part(pairs[None], (pairs >> _HALF) % np.uint64(parts)):
            found[part].append(some[0])
    counts = [sum(map(len, some)) for some in found]
    told = np.array([(many > CROWD).sum(), twice[twice > 1].sum(), *counts], np.uint64)
    return np.concatenate([told, *(some for one in found for some in one)]).tobytes()


def _read_pairs(data: bytes, parts: int) -> tuple[int, int, list[int], np.ndarray]:
    """What `agreeing_pairs` found: how many tokens too many share, and how many stand twice in a place; where each piece ends; the pairs."""
    words = np.frombuffer(data, np.uint64)
    crowd, twice, *counts = words[: 2 + parts].tolist()
    return crowd, twice, np.cumsum([0, *counts]).tolist(), words[2 + parts :]


def _tells(name: str) -> bool:
    """Whether this key alone shows that two records have both names and the birth date in common."""
    return pattern_of([name], [name]).likely_one


def _meet(places: Sequence[np.ndarray], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which persons stand in one place."""
    found = np.zeros(len(one), np.bool_)
    for word in places:
        found |= word[one] & word[other] != 0
    return found


def _slices(length: int) -> list[slice]:
    return [slice(start, min(start + _SLICE, length)) for start in range(0, length, _SLICE)]


def _numbers(part: slice) -> np.ndarray:
    return np.arange(part.start, part.stop, dtype=np.uint32)


def _gathered(join: np.ufunc, values: np.ndarray, component: np.ndarray) -> np.ndarray:
    """What stands at the records of each component, together at the first one."""
    found = values.copy()
    for part in _slices(len(component)):
        moved = np.flatnonzero(component[part] != _numbers(part))
        join.at(found, component[part][moved], values[part][moved])
    return found


def _label(component: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Components when those of these pairs are joined too, each still by its first record."""
    first, slices = np.arange(len(component), dtype=np.uint32), _slices(len(component))
    while len(pairs):
        before = first.copy()
        for part in _slices(len(pairs)):
            one, other = (before[end] for end in _ends(pairs[part]))
            np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        moving = True
        while moving:
            further = [_replaced(first, part, first) for part in slices]
            moving = any(further)
        apart = [np.not_equal(*(first[end] for end in _ends(pairs[part]))) for part in _slices(len(pairs))]
        pairs = pairs[np.concatenate(apart)]
    joined = component.copy()
    for part in slices:
        _replaced(joined, part, first)
    return joined


def _replaced(numbers: np.ndarray, part: slice, by: np.ndarray) -> bool:
    """Put what `by` has for these numbers in their place; whether any is another one."""
    found = by[numbers[part]]
    moved = bool((found != numbers[part]).any())
    numbers[part] = found
    return moved


def _pair(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two numbers in one, the smaller one first."""
    found: np.ndarray = np.minimum(one, other).astype(np.uint64) << _HALF | np.maximum(one, other).astype(
        np.uint64
    )
    return found


def _ends(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two of `_pair`."""
    return (pairs >> _HALF).view(np.int64), (pairs & np.uint64(_NONE)).view(np.int64)


def _together(arrays: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """Arrays of as many rows, side by side."""
    return _side_by_side(arrays) if arrays else np.zeros((rows, 0), np.uint64)


def _by_part(columns: np.ndarray, part: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The columns of each part."""
    order = np.argsort(part.astype(np.uint16), kind="stable")
    columns, ends = columns[:, order], np.cumsum(np.bincount(part.view(np.int64)))
    for number, (start, end) in enumerate(pairwise([0, *ends.tolist()])):
        if end > start:
            yield number, columns[:, start:end]


def _scatter(into: SpillBuffer, columns: np.ndarray, part: np.ndarray, first: int = 0) -> None:
    """Each column to its part of those from `first` on."""
    for number, some in _by_part(columns, part):
        into.add(first + number, some)


def _grouped(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (two halves, record) in order, and which value each is, counted from 0."""
    tokens = tokens[:, np.argsort(tokens[0])]
    other = tokens[:2, 1:] != tokens[:2, :-1]
    if (other[1] & ~other[0]).any():  # half of a token is nearly always enough
        tokens = tokens[:, np.lexsort(tokens[1::-1])]
        other = tokens[:2, 1:] != tokens[:2, :-1]
    value = np.zeros(tokens.shape[1], np.int64)
    np.cumsum(other.any(axis=0), out=value[1:])
    return value, tokens


def _within(value: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of every two that are equal, of values in order."""
    step, at = 1, np.flatnonzero(value[1:] == value[:-1])
    while len(at):
        yield at, at + step
        step += 1
        at = at[at + step < len(value)]
        at = at[value[at] == value[at + step]]


def _merged(pairs: np.ndarray) -> np.ndarray:
    """Pairs in order, each once, with the bits of all."""
    pairs = pairs[:, np.argsort(pairs[0])]
    starts = np.flatnonzero(np.diff(pairs[0], prepend=~pairs[0][:1]))
    return np.stack([pairs[0, starts], np.bitwise_or.reduceat(pairs[1], starts)]) if len(starts) else pairs


def _distinct(*columns: np.ndarray) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Every combination of numbers there is, and which one stands in each row."""
    rows: list[tuple[int, ...]] = [()]
    codes: np.ndarray = np.zeros(len(columns[0]), np.int32)
    for column in columns:
        found = pa.array(column).dictionary_encode()
        values = found.dictionary.to_pylist()
        if len(rows) > 1:
            found = pa.array(codes * np.int64(len(values)) + found.indices.to_numpy()).dictionary_encode()
        numbers = found.dictionary.to_pylist() if len(rows) > 1 else range(len(values))
        rows = [(*rows[at // len(values)], values[at % len(values)]) for at in numbers]
        codes = found.indices.to_numpy()
    return rows, codes
