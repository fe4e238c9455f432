"""`python clkhash_tokens.py REGISTER`: run by `peers`, in the environment that clkhash is installed in."""

import csv
import json
import os
import pathlib
import sys
import time

import clkhash
from clkhash.clk import generate_clks
from clkhash.schema import from_json_dict


def schema():
    """The schema that clkhash comes with for names, birth date and gender, in our order."""
    file = pathlib.Path(clkhash.__file__).parent / "data" / "randomnames-schema.json"
    theirs = json.loads(file.read_text())
    _, name, birth, gender = theirs["features"]
    birth["format"]["format"] = "%Y-%m-%d"
    theirs["features"] = [
        {**name, "identifier": "given_name"},
        {**name, "identifier": "surname"},
        {**gender, "identifier": "gender"},
        {**birth, "identifier": "birth_date"},
    ]
    for feature in theirs["features"][:2]:
        feature["format"] = {**feature["format"], "minLength": 1}
    return from_json_dict(theirs)


def main() -> None:
    with pathlib.Path(sys.argv[1]).open(newline="", encoding="utf-8") as handle:
        columns = ("given_name", "surname", "gender", "birth_date")
        rows = [tuple(row[column] for column in columns) for row in csv.DictReader(handle)]
    made_of = schema()

    def tokens(of):
        return len(generate_clks(of, made_of, "a secret", validate=False, max_workers=os.cpu_count()))

    tokens(rows)
    start = time.perf_counter()
    made = tokens(rows)
    print(json.dumps({"tokens": made, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
