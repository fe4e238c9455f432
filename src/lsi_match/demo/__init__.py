"""The demonstration: a made-up town and the FEBRL files, taken through the whole chain and checked.

Here, and only here, one process plays every party; it may therefore import from every room. No room imports
from this one.
"""
