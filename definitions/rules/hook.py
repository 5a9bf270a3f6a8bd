"""The model of a webhook: what its requests must prove, and which event they are.

hook: alertmanager
secret: {kv: alertmanager_token}
style: bearer
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal, TypeAlias, cast, get_args

from stretto.definitions.dialects import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Site, Template
from stretto.definitions.rules.names import check_expression, check_sent_event
from stretto.definitions.source import MapNode, Node, ScalarNode

HookStyle: TypeAlias = Literal["bearer", "alertmanager", "github", "stripe"]
"""How a sender proves that it knows the secret.

- `bearer`, `alertmanager`: `Authorization: Bearer SECRET`
- `github`: `X-Hub-Signature-256`, an HMAC of the body
- `stripe`: `Stripe-Signature`, an HMAC of a time and the body
"""
STYLES: Final[tuple[HookStyle, ...]] = get_args(HookStyle)


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is kept: under a key of the key-value store, or in a file. It is never in the definition."""

    kind: Literal["kv", "file"]
    name: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook.

    Attributes:
        name: Its name, the last part of its URL.
        event: The type of its events.
        secret: Where its secret is, or None: it then refuses all requests.
        style: How its sender proves that it knows the secret.
        dedupe: Gives what identifies an event, or None.
        place: Where it is in its file.
        enabled: Whether it takes requests.
        description: Text for people.
    """

    name: str
    event: str
    secret: SecretSource | None
    style: HookStyle
    place: Place
    dedupe: Template | None = None
    enabled: bool = True
    description: str = ""

    @property
    def file(self) -> str:
        """The path of its file."""
        return self.place.file


def read_hook(reader: Reader, node: MapNode) -> Hook | None:
    """Return the webhook of a document, or None if it has no name. The reader collects the findings."""
    fields = Fields(reader, node, "the hook")
    name_node = fields.require("hook")
    name = None if name_node is None else reader.name(name_node, "'hook'")
    event, description = name or PurePath(reader.file).stem, ""
    for member, what in fields.given("event"):
        event = reader.text(member, what) or event
        check_sent_event(reader, event, what, member.place)
    for member, what in fields.given("description"):
        description = reader.text(member, what) or ""
    fields.take("version")
    style: HookStyle = "bearer"
    for member, what in fields.given("style"):
        style = cast("HookStyle", reader.choice(member, what, STYLES) or style)
    secret = next((_secret(reader, member, what) for member, what in fields.given("secret")), None)
    if "secret" not in node.members:
        reader.warn(
            "hook_without_secret", f"the hook {name!r} has no secret, so it refuses all requests", node.place,
            hint="write secret: {kv: NAME} or secret: {file: PATH}",
        )  # fmt: skip
    dedupe = next((_dedupe(reader, member, what) for member, what in fields.given("dedupe")), None)
    enabled = all(reader.boolean(member, what) for member, what in fields.given("enabled"))
    fields.finish(lambda _name: None)
    if name is None:
        return None
    return Hook(
        name=name, event=event, secret=secret, style=style, place=node.place, dedupe=dedupe, enabled=enabled,
        description=description,
    )  # fmt: skip


def _secret(reader: Reader, node: Node, what: str) -> SecretSource | None:
    if isinstance(node, ScalarNode):
        reader.error(
            "literal_secret", f"{what} must not be in a definition", node.place, expected="{kv: NAME} or {file: PATH}",
            hint="stretto kv set NAME - --secret keeps it, and {kv: NAME} names it",
        )  # fmt: skip
        return None
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields = Fields(reader, mapping, what)
    kinds: tuple[Literal["kv", "file"], ...] = ("kv", "file")
    found = [
        SecretSource(kind, text)
        for kind in kinds
        for member, each in fields.given(kind)
        if (text := reader.text(member, each)) is not None
    ]
    fields.finish(lambda _name: None)
    if len(found) != 1:
        reader.error("bad_secret", f"{what} must name one place", node.place, expected="{kv: NAME} or {file: PATH}")
        return None
    return found[0]


def _dedupe(reader: Reader, node: Node, what: str) -> Template | None:
    template = reader.condition(node, what, Site())
    for expression in () if template is None else template.expressions():
        check_expression(reader, expression, "native")
    return template
