"""What real extracts look like: numbers and addresses written in many ways, lost zeros, gaps, repeated rows.

Nothing here changes who someone is, except the numbers made invalid on purpose: an altered number fails its
check and so is never the number of another person.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lsi_match.demo.population import RowNumbers


def written_bsn(bsn: pl.Series, rng: np.random.Generator) -> pl.Series:
    """A column of BSNs as a register has it: spaces, dots, a lost zero, an unknown, a typing error, a gap."""
    frame = pl.DataFrame({"bsn": bsn, "way": rng.random(len(bsn)), "lost": rng.random(len(bsn))})
    number, way = pl.col("bsn"), pl.col("way")
    part = [number.str.slice(0, 4), number.str.slice(4, 2), number.str.slice(6, 3)]
    last_plus_one = ((number.str.slice(8, 1).cast(pl.Int64) + 1) % 10).cast(pl.String)
    written = (
        pl.when((way >= 0.02) & number.str.starts_with("0") & (pl.col("lost") < 0.5))
        .then(number.str.slice(1))
        .when((way >= 0.02) & number.str.starts_with("0") & (pl.col("lost") < 0.6))
        .then(number.cast(pl.Int64).cast(pl.String))
        .when(way < 0.007)
        .then(pl.lit("000000000"))
        .when(way < 0.009)
        .then(pl.lit("onbekend"))
        .when(way < 0.013)
        .then(None)
        .when(way < 0.02)
        .then(number.str.slice(0, 8) + last_plus_one)
        .when(way < 0.035)
        .then(pl.concat_str(part, separator=" "))
        .when(way < 0.05)
        .then(pl.concat_str(part, separator="."))
        .when(way < 0.055)
        .then(pl.lit(" ") + number + pl.lit(" "))
        .otherwise(number)
    )
    return frame.select(written.alias("bsn")).to_series()


def written_v_number(v_number: pl.Series, rng: np.random.Generator) -> pl.Series:
    """A column of v-numbers, a few of them unknown or unreadable."""
    frame = pl.DataFrame({"v": v_number, "way": rng.random(len(v_number))})
    way = pl.col("way")
    written = (
        pl.when(pl.col("v").is_null())
        .then(None)
        .when(way < 0.005)
        .then(pl.lit("0000000000"))
        .when(way < 0.01)
        .then(pl.lit("zie dossier"))
        .when(way < 0.015)
        .then(pl.lit("9900"))
        .otherwise(pl.col("v"))
    )
    return frame.select(written.alias("v")).to_series()


def written_postcode(postcode: pl.Series, rng: np.random.Generator) -> pl.Series:
    """Postcodes in capitals or not, with a space or not, cut short, or absent."""
    frame = pl.DataFrame({"pc": postcode, "way": rng.random(len(postcode))})
    way, digits, letters = pl.col("way"), pl.col("pc").str.slice(0, 4), pl.col("pc").str.slice(4, 2)
    written = (
        pl.when(way < 0.005)
        .then(None)
        .when(way < 0.008)
        .then(digits)
        .when(way < 0.15)
        .then(digits + " " + letters)
        .when(way < 0.20)
        .then(digits + letters.str.to_lowercase())
        .when(way < 0.23)
        .then(digits + " " + letters.str.to_lowercase())
        .otherwise(pl.col("pc"))
    )
    return frame.select(written.alias("pc")).to_series()


def written_in_parts(address: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Columns number, letter, addition: at times all in the number, letters in either case, a stray sign."""
    frame = address.select(
        pl.col("number").cast(pl.String), "letter", "addition", pl.Series("way", rng.random(len(address)))
    )
    way, joined = pl.col("way"), pl.col("way") < 0.10
    tail = _tail(way * 10)
    gap = pl.when(way >= 0.995).then(None)
    return frame.select(
        gap.when(joined).then(pl.col("number") + tail).otherwise(pl.col("number")).alias("number"),
        pl.when(joined)
        .then(None)
        .when(way < 0.25)
        .then(pl.col("letter").str.to_lowercase())
        .otherwise(pl.col("letter"))
        .alias("letter"),
        pl.when(joined)
        .then(None)
        .when(way < 0.20)
        .then(pl.lit("-") + pl.col("addition"))
        .when(way < 0.40)
        .then(pl.col("addition").str.to_uppercase())
        .otherwise(pl.col("addition"))
        .alias("addition"),
    )


def written_in_one(address: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """House number, letter and addition in one: `12`, `12 A`, `12-A`, `12a`, `12 A bis`; some unusable."""
    frame = address.select(
        pl.col("number").cast(pl.String), "letter", "addition", pl.Series("way", rng.random(len(address)))
    )
    way = pl.col("way")
    written = (
        pl.when(way >= 0.997)
        .then(pl.lit("0"))
        .when(way >= 0.993)
        .then(None)
        .when(way >= 0.990)
        .then(pl.lit("nabij 12"))
        .otherwise(pl.col("number") + _tail(way))
    )
    return frame.select(written.alias("number")).to_series()


def written_tail(address: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Letter and addition in one column: `A`, `a`, `A-bis`, ` bis`; null where there is neither."""
    frame = address.select("letter", "addition", pl.Series("way", rng.random(len(address))))
    tail = _tail(pl.col("way")).str.strip_chars()
    return frame.select(pl.when(tail != "").then(tail).alias("tail")).to_series()


def _tail(way: pl.Expr) -> pl.Expr:
    """Letter and addition as one text behind a number, in one of four ways chosen by `way` in 0..1."""
    letter, addition = pl.col("letter").fill_null(""), pl.col("addition").fill_null("")
    together = letter + addition
    # A digit straight after the number, or after a space, would make it another number.
    space = pl.when((letter != "") & (addition != "")).then(pl.lit(" ")).otherwise(pl.lit(""))
    starts_with_digit = together.str.contains(r"^\d")
    return (
        pl.when(together == "")
        .then(pl.lit(""))
        .when(starts_with_digit | ((way >= 0.50) & (way < 0.75)))
        .then(pl.lit("-") + together)
        .when(way < 0.25)
        .then(together.str.to_lowercase())
        .when(way < 0.50)
        .then(pl.lit(" ") + letter + space + addition)
        .otherwise(pl.lit(" ") + (letter + "-" + addition).str.strip_chars("-"))
    )


def some_twice(rows: RowNumbers, rng: np.random.Generator, share: float = 0.006) -> RowNumbers:
    """Row numbers with a share of them once more: the same person under a second record id."""
    return np.concatenate([rows, rows[rng.random(len(rows)) < share]])


def finished(register: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A register in random order, with four in a thousand rows given twice, word for word."""
    if register.is_empty():
        return register
    rows = np.arange(len(register))
    again = rng.choice(rows, 1 + len(rows) // 250)
    return register[rng.permutation(np.concatenate([rows, again]))]
