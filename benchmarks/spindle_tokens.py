"""`python spindle_tokens.py REGISTER`: run by `peers`, in the environment that spindle-token is installed in."""

import json
import os
import sys
import time

# Spark starts Python processes of its own: let them be of this environment.
os.environ["PYSPARK_PYTHON"] = sys.executable

from pyspark.sql import SparkSession
from spindle_token import generate_pem_keys, tokenize
from spindle_token.opprl import OpprlV2 as v2  # noqa: N813  # as its own documentation does

TOKENS = [v2.token1, v2.token2, v2.token3, v2.token4, v2.token5]


def main() -> None:
    spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    register = spark.read.csv(sys.argv[1], header=True).repartition(os.cpu_count() or 1).cache()
    columns = {
        v2.first_name: "given_name",
        v2.last_name: "surname",
        v2.gender: "gender",
        v2.birth_date: "birth_date",
    }
    key, _ = generate_pem_keys()

    def tokens() -> int:
        rows = tokenize(register, columns, TOKENS, key).select([token.name for token in TOKENS]).collect()
        return sum(token is not None for row in rows for token in row)

    tokens()
    start = time.perf_counter()
    made = tokens()
    print(json.dumps({"tokens": made, "seconds": time.perf_counter() - start}))
    spark.stop()


if __name__ == "__main__":
    main()
