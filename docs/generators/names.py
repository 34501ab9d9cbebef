"""What single backticks and annotations name, found: in the reference if it stands there.

In docstrings, a name in single backticks is a link where it leads somewhere (`Account.symbol`) and code where it does
not: a parameter, a word of another program. Annotations name what the module imports; where they can't be evaluated,
its imports say what is meant. A member that is named with its class has to exist.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.addnodes import pending_xref
from sphinx.domains.python import PythonDomain
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.util.nodes import make_refnode

from generators.schema import ROOT

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_log = logging.getLogger(__name__)

_NAME: Final = re.compile(r"~?\.?([A-Za-z_]\w*(?:\.\w+)*)(?:\(\))?")

_IMPORT: Final = re.compile(r"^ *from ([\w.]+) import (\([^)]*\)|[^\n(#]+)", re.MULTILINE)
_CLASS: Final = re.compile(r"^class (\w+)", re.MULTILINE)

#: Where others describe what is theirs.
_TWISTED: Final = "https://docs.twisted.org/en/stable/api/{}.html"

#: Private type variables and aliases of ours, and what belongs to others.
_OTHERS: Final = re.compile(r"(?:\w+\.)*_\w+$|(?:google|numpy|pandas|polars|pyarrow|matplotlib|h11|wsproto|treq)\b")


#: What public signatures name and nobody needs: it is given and taken, not made or looked into.
_WITHIN: Final = frozenset(
    {
        "BarPage",
        "Conversation",
        "Iteration",
        "MemoryTransport",
        "OAuthFactory",
        "Peer",
        "RecorderTap",
        "ScaledBars",
        "Steps",
        "Symbols",
        "Verbs",
    }
)

#: What has the same names as the Deferred API, which is meant where nothing else is said.
_FACES: Final = re.compile(r"ctrader_twisted\.(?:aio|blocking|compat)\.")


class Name(SphinxRole):
    """Single backticks."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        shown = nodes.literal(self.rawtext, self.text.lstrip("~"), classes=["xref", "py", "py-obj"])
        match = _NAME.fullmatch(self.text)
        if match is None:
            return [nodes.literal(self.rawtext, self.text)], []
        found = pending_xref(self.rawtext, shown, refdomain="", reftype="name", reftarget=match[1], refexplicit=False)
        found["py:module"] = self.env.ref_context.get("py:module")
        found["py:class"] = self.env.ref_context.get("py:class")
        self.set_source_info(found)
        return [found], []


class Target(SphinxRole):
    """A field or value in a table, which links lead to and the search finds."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        full = f"ctrader_twisted.messages.{self.text}"
        shown = nodes.literal(self.rawtext, self.text.partition(".")[2], ids=[full])
        domain = self.env.get_domain("py")
        assert isinstance(domain, PythonDomain)
        domain.note_object(full, "attribute", full, location=self.get_location())
        return [shown], []


class Code(SphinxRole):
    """An error code in the table of them."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        shown = nodes.literal(self.rawtext, self.text, ids=[self.text])
        labels = self.env.domains.standard_domain
        name = f"error-{self.text}".lower()
        labels.anonlabels[name] = self.env.docname, self.text
        labels.labels[name] = self.env.docname, self.text, self.text
        return [shown], []


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement) -> nodes.Node | None:
    """Find what nothing else has found; what is not to be found is shown as it is, or left to be complained of."""
    quiet = node["reftype"] == "name"
    if not quiet and node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    domain = env.get_domain("py")
    assert isinstance(domain, PythonDomain)
    full = _found(domain, target, node.get("py:module"), node.get("py:class"))
    if full is None and quiet:
        full = _described_by(domain, target, node)
    if full is not None:
        entry = domain.objects[full]
        assert app.builder is not None
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, shown, full)
    origin = _origin(target)
    if origin is not None and origin.startswith(("twisted.", "zope.")):
        if origin.startswith("twisted."):
            return nodes.reference("", "", shown, internal=False, refuri=_TWISTED.format(origin))
        return shown
    if quiet:
        return shown
    ours = (origin or target).startswith("ctrader_twisted") and not _OTHERS.match(target)
    named = ours and target.rpartition(".")[2] not in _WITHIN and not _constructs(node)
    return None if named else shown


def _constructs(node: nodes.Node) -> bool:
    """Whether it stands in the signature of a constructor: many objects are made by the package alone."""
    while node.parent is not None:
        if isinstance(node, addnodes.desc_signature):
            return bool(node.get("fullname", "").endswith(".__init__"))
        node = node.parent
    return False


def _found(domain: PythonDomain, target: str, module: str | None, cls: str | None) -> str | None:
    """Give the full name of what is meant: what is nearest to where it is named."""
    for place in (f"{module}.{cls}.", f"{module}.", ""):
        if place + target in domain.objects:
            return place + target
    last = target.rpartition(".")[2]
    ends = [name for name in _index(domain).get(last, ()) if name.endswith(f".{target}")]
    if not ends:
        return None
    if "." not in target and target[:1].islower():
        return None  # a word like any other, unless its own class or module has it
    here = module or ""
    return min(ends, key=lambda name: (-_common(name, here), _FACES.match(name) is not None, name.count("."), name))


def _common(first: str, second: str) -> int:
    count = 0
    for one, other in zip(first.split("."), second.split("."), strict=False):
        if one != other:
            break
        count += 1
    return count


_indexes: dict[int, dict[str, list[str]]] = {}


def _index(domain: PythonDomain) -> dict[str, list[str]]:
    """The full names by their last part. Asked for when all pages are read."""
    index = _indexes.get(len(domain.objects))
    if index is None:
        index = {}
        for name in domain.objects:
            index.setdefault(name.rpartition(".")[2], []).append(name)
        _indexes.clear()
        _indexes[len(domain.objects)] = index
    return index


def _described_by(domain: PythonDomain, target: str, node: Any) -> str | None:
    """Give the class of ``Settings.timeout``, which describes its fields; complain of ``Account.symbool``."""
    cls, _, member = target.rpartition(".")
    if not cls.rpartition(".")[2][:1].isupper():
        return None
    full = _found(domain, cls, node.get("py:module"), node.get("py:class"))
    if full is None:
        return None
    module, _, name = full.rpartition(".")
    described = getattr(_module(module), name, None)
    fields = {*getattr(described, "__annotations__", ()), *getattr(described, "__slots__", ())}
    said = getattr(described, "__doc__", None) or ""
    if described is not None and not hasattr(described, member) and member not in fields:
        if not re.search(rf":ivar {member}\b", said):
            _log.warning("%s has no %s", full, member, location=node, type="ref", subtype="member")
            return None
    return full


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _origin(target: str) -> str | None:
    """Say where a bare name of an annotation is imported from in this package; None if it is not."""
    return _imports().get(target.rpartition(".")[2]) if "." not in target else target


@cache
def _imports() -> dict[str, str]:
    """What the package's modules import, and define, by bare name. What is ours comes last, as others may be meant."""
    found: dict[str, str] = {}
    ours: dict[str, str] = {}
    for path in sorted(Path(ROOT, "ctrader_twisted").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        for source, names in _IMPORT.findall(text):
            if not source.startswith("ctrader_twisted"):
                for name, _, alias in (each.strip().partition(" as ") for each in names.strip("()").split(",")):
                    found[alias or name] = f"{source}.{name}"
        ours.update({name: f"{module}.{name}" for name in _CLASS.findall(text)})
    return ours | found


def name_exactly(app: Sphinx, doctree: nodes.document) -> None:
    """Have names of annotations looked up here, where the nearest of several is taken."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and node.hasattr("refspecific"):
            del node["refspecific"]


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", lambda _: _imports())  # before the work is shared out
    app.connect("doctree-read", name_exactly)
    app.add_role("name", Name())
    app.add_role("message-field", Target())
    app.add_role("error-code", Code())
    app.connect("missing-reference", resolve)
