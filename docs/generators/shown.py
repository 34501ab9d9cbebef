"""What autodoc shows, and how: a property that is read through a descriptor has the type of what is read."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Final

from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: The descriptors of ctrader_twisted.faces.
_READ: Final = ("Reads", "Settable")


def unwrap(app: Sphinx, domain: str, kind: str, content: addnodes.desc_content) -> None:
    """Show the type of what a descriptor reads: ``Reads[int]`` is ``int``."""
    if domain != "py" or kind != "attribute" or content.parent is None:
        return
    for annotation in list(content.parent.findall(addnodes.desc_annotation)):
        parts = list(annotation.children)
        for number, part in enumerate(parts):
            named = isinstance(part, addnodes.pending_xref) and part["reftarget"].rpartition(".")[2] in _READ
            if named and parts[-1].astext() == "]":
                for gone in (part, parts[number + 1], parts[-1]):
                    annotation.remove(gone)
                break


def only_classes(app: Sphinx, domain: str, kind: str, content: addnodes.desc_content) -> None:
    """Leave members out of the contents: every page of the site is made with the contents of all."""
    if domain == "py" and kind in ("method", "attribute", "property", "classmethod", "staticmethod", "data"):
        for signature in content.parent.findall(addnodes.desc_signature):
            signature["_toc_name"] = ""


def leave_out(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """Leave out constructors that only the package calls: what they take is described nowhere."""
    if name == "__init__" and what in ("class", "exception"):
        cls = _class_of(thing)
        if cls is not None and not dataclasses.is_dataclass(cls) and ":param" not in (cls.__doc__ or ""):
            return True
    return None


def _class_of(method: object) -> type | None:
    """Give the class that a method is written in."""
    found: object = sys.modules.get(getattr(method, "__module__", None) or "")
    for name in getattr(method, "__qualname__", "").split(".")[:-1]:
        found = getattr(found, name, None)
    return found if isinstance(found, type) else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-skip-member", leave_out)
    app.connect("object-description-transform", unwrap)
    app.connect("object-description-transform", only_classes)
