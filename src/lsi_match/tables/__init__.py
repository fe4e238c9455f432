"""One reader of tables: CSV of any habit, spreadsheets, Parquet and databases, as columns of which is known how they
are stored. What a value means is not decided here. Imports `base` only; engines are imported where they are needed."""
