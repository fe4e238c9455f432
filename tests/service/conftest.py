"""The PostgreSQL of the criteria tests, for the service too."""

from criteria.postgres import postgres as postgres
