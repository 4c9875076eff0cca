"""Exports of the master to other formats, each with a report of what it lacks."""

from v2a_otio.exports.turnover import Master
from v2a_otio.exports.writing import Export, chosen, files_of, write_exports

__all__ = ["Export", "Master", "chosen", "files_of", "write_exports"]
