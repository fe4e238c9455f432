"""The PostgreSQL of the criteria tests, for the service too."""

from protocol.postgres import postgres as postgres
