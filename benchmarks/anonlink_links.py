"""`python anonlink_links.py LEFT RIGHT THRESHOLD`: run by `peers`, in the environment that clkhash and anonlink are installed in.
Links two registers (CSV) on one Bloom filter a record, of names, birth date and postcode, and prints the pairs of `person`."""

import csv
import json
import pathlib
import sys

from anonlink.candidate_generation import find_candidate_pairs
from anonlink.similarities import dice_coefficient
from anonlink.solving import greedy_solve, pairs_from_groups
from bitarray import bitarray
from clkhash.clk import generate_clks
from clkhash.schema import from_json_dict

FIELDS = ("given_name", "surname", "birth_date", "postcode")


def schema():
    def field(name, kind, n):
        hashing = {
            "comparison": {"type": "ngram", "n": n},
            "strategy": {"bitsPerToken": 15},
            "hash": {"type": "doubleHash"},
        }
        return {"identifier": name, "format": {"type": kind, "encoding": "utf-8"}, "hashing": hashing}

    return from_json_dict(
        {
            "version": 3,
            "clkConfig": {
                "l": 1024,
                "kdf": {"type": "HKDF", "hash": "SHA256", "salt": "c2FsdA==", "info": "YQ==", "keySize": 64},
            },
            "features": [field(name, "string", 2) for name in FIELDS],
        }
    )


def main() -> None:
    filters, people = [], []
    for file in sys.argv[1:3]:
        with pathlib.Path(file).open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        people.append([int(row["person"]) for row in rows])
        texts = [tuple(row[name] for name in FIELDS) for row in rows]
        made = generate_clks(texts, schema(), "a secret", validate=False)
        filters.append([one if isinstance(one, bitarray) else bitarray(one) for one in made])
    found = find_candidate_pairs(filters, dice_coefficient, float(sys.argv[3]))
    pairs = [[people[0][a], people[1][b]] for a, b in pairs_from_groups(greedy_solve(found))]
    print(json.dumps({"pairs": pairs}))


if __name__ == "__main__":
    main()
