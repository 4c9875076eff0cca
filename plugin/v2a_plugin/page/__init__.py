"""A page in the browser for hosts without windows of their own: say what is wanted, hear it, keep it.

It is served on loopback for one person and one purpose, and closes itself when that is done. The address that opens it
holds a token that works once: whoever reads it later, in a browser's history, gets nothing, and ends the page. A host
opens it so that it shows in no list of processes.
"""

from v2a_plugin.page.pages import Desk, Form, Page, Pages

__all__ = ["Desk", "Form", "Page", "Pages"]
