"""The language of criteria: parsing, types, what a predicate means, its words, comparison by meaning, SQL of ten databases.

Pure, over declared fields and text: no files, no clock, no manifest. It could be published by itself.
"""
