"""`python splink_links.py LEFT RIGHT THRESHOLD`: run by `peers`, in the environment that Splink is installed in. Links two registers
(CSV) on the plain text, by the model of Splink's own documentation, and prints the pairs of `person` that are best on both sides."""

import json
import sys

import pandas as pd
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI


def main() -> None:
    frames = [pd.read_csv(file, dtype=str) for file in sys.argv[1:3]]
    for frame in frames:
        frame["unique_id"] = frame["person"]
        frame["year"] = frame["birth_date"].str[:4]
    rules = [
        block_on("birth_date"),
        block_on("surname", "given_name"),
        block_on("postcode", "house_number"),
        block_on("surname", "year"),
    ]
    settings = SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=rules,
        comparisons=[
            cl.JaroWinklerAtThresholds("given_name", [0.92, 0.8]),
            cl.JaroWinklerAtThresholds("surname", [0.92, 0.8]),
            cl.DamerauLevenshteinAtThresholds("birth_date", [1, 2]),
            cl.DamerauLevenshteinAtThresholds("postcode", [1]),
            cl.ExactMatch("house_number"),
            cl.LevenshteinAtThresholds("street", [2]),
        ],
    )
    tables = DuckDBAPI()
    linker = Linker([tables.register(frame) for frame in frames], settings)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("birth_date", "surname", "postcode")], recall=0.6
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("birth_date"), block_on("surname", "given_name")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_probability=float(sys.argv[3])).as_pandas_dataframe()
    best = [found.groupby(side)["match_weight"].transform("max") for side in ("unique_id_l", "unique_id_r")]
    found = found[(found["match_weight"] == best[0]) & (found["match_weight"] == best[1])]
    print(json.dumps({"pairs": found[["unique_id_l", "unique_id_r"]].astype(int).to_numpy().tolist()}))


if __name__ == "__main__":
    main()
