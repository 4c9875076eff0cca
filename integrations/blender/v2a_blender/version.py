# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's version, which is V2A Studio's."""

VERSION = "0.1.0"
