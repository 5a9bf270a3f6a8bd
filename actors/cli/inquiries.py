"""`stretto inquiries`: lists, shows and answers the questions that runs ask people."""

from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.inputs import inputs_of
from stretto.actors.cli.runs.listing import show_cursor
from stretto.actors.cli.runs.options import (
    CURSOR,
    LIMIT,
    NOTE,
    SHOWN_DIGITS,
    UTC,
    print_json,
    short_id,
    with_runs,
)
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock, seconds_of
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.printable import echo_json, echo_lines
from stretto.actors.journal import INQUIRY_STATUSES, MAX_PAGE
from stretto.actors.operations import (
    AnswerInquiry,
    Inquiries,
    InquiriesAnswer,
    InquiryAnswer,
    InquiryLinked,
    LinkInquiry,
    ShowInquiry,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stretto.actors.cli.runs.source import Source

_WIDTH = 120
_WHOLE_DIGITS = 36


@click.group()
def inquiries() -> None:
    """List, show and answer the questions that runs ask people.

    A task with core.ask asks, and waits for the answer. INQUIRY is an id, or 6 or more digits that it ends with.

    Exit codes: 0 done, 1 the answer was refused, 2 wrong usage or no such inquiry, 3 the daemon or the store cannot be
    used.
    """


@inquiries.command("list")
@click.option(
    "--status", type=Choice([*INQUIRY_STATUSES, "all"]), default="pending", show_default=True,
    help="Only those with this status.",
)  # fmt: skip
@click.option("--of-run", "of_run", metavar="RUN", help="Only those of this run.")
@LIMIT
@CURSOR
@UTC
@with_runs
def list_(
    source: "Source", *, status: Any, of_run: str | None, limit: int, cursor: str | None, utc: bool, as_json: bool
) -> None:
    """List inquiries, the newest first.

    With --json: {"inquiries": [...], "next"}, each as in `show --json`.
    """
    wanted = None if status == "all" else status
    page = source.ask(Inquiries(of_run, wanted, cursor, limit), InquiriesAnswer)
    if as_json:
        print_json({"inquiries": page.inquiries, "next": page.next})
        return
    clock = Clock(utc=utc)
    headings = ("ID", "STATUS", "WORKFLOW", "TASK", "PROMPT", "ASKED", "EXPIRES", "ANSWERED BY")
    rows = [
        (
            short_id(each["id"]), each["status"], each["workflow"], each["task"], each["prompt"],
            clock.format(each["asked_at"]), clock.format(each["expires_at"]), each["answered_by"],
        )
        for each in page.inquiries
    ]  # fmt: skip
    show_table(headings, rows, elastic=("WORKFLOW", "PROMPT"), width=_WIDTH)
    show_cursor(page.next, empty=None if page.inquiries else "no inquiries")


@inquiries.command()
@click.argument("inquiry")
@UTC
@with_runs
def show(source: "Source", *, inquiry: str, utc: bool, as_json: bool) -> None:
    """Show INQUIRY: what is asked, by which run, who may answer, and the answer.

    With --json: {id, status, run, workflow, task, visit, index, attempt, asked_at, expires_at, requested_by, prompt,
    schema, route, users, roles, ttl, not_requester, ended_at, answered_by, answered_via, response}.
    """
    found = _find(source, inquiry)
    if as_json:
        print_json(found)
        return
    clock = Clock(utc=utc)
    who = ", ".join((*found["users"], *(f"role {role}" for role in found["roles"]))) or "operators"
    lines = [
        found["prompt"] or "(no prompt)",
        f"inquiry    {found['id']}",
        f"status     {found['status']}",
        f"run        {found['run']} ({found['workflow']}, task {found['task']}, item {found['index']})",
        f"asked      {clock.format(found['asked_at'])}",
        *([f"expires    {clock.format(found['expires_at'])}"] if found["expires_at"] else []),
        f"may answer {who}{', but not who asked for the run' if found['not_requester'] else ''}",
    ]
    if found["ended_at"] is not None:
        by = f" by {found['answered_by']} ({found['answered_via']})" if found["answered_by"] else ""
        lines.append(f"ended      {clock.format(found['ended_at'])}{by}")
    echo_lines("\n".join(lines))
    click.echo("answer's schema:" if found["response"] is None else "answer:")
    echo_json(found["schema"] if found["response"] is None else found["response"], indent=2)


@inquiries.command()
@click.argument("inquiry")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--response", "given", metavar="FILE", help="A file with the answer as JSON or YAML; - is standard input."
)
@NOTE
@with_runs
def answer(
    source: "Source", *, inquiry: str, values: tuple[str, ...], given: str | None, note: str | None, as_json: bool
) -> None:
    """Answer INQUIRY with KEY=VALUE arguments, read by the types of its schema.

    With --json: the inquiry as in `show --json`.
    """
    found = _find(source, inquiry)
    response = inputs_of(_types(found["schema"]), given, values)
    answered = source.ask(AnswerInquiry(found["id"], response, note=note), InquiryAnswer).inquiry
    if as_json:
        print_json(answered)


@inquiries.command()
@click.argument("inquiry")
@click.option("--to", "person", required=True, metavar="PERSON", help="Who is to answer with the link.")
@click.option(
    "--expires", "lasts", callback=seconds_of, metavar="DURATION",
    help="Its end, such as 2d. [default: the end of the inquiry, or 7d]",
)  # fmt: skip
@NOTE
@with_runs
def link(source: "Source", *, inquiry: str, person: str, lasts: float | None, note: str | None, as_json: bool) -> None:
    """Make a personal link to INQUIRY, and print it. It is shown only now.

    Anyone with the link can answer as PERSON, once and without a token. This needs the role admin.

    With --json: {inquiry, to, url, expires_at}.
    """
    found = _find(source, inquiry)
    made = source.ask(LinkInquiry(found["id"], person, lasts, note=note), InquiryLinked).link
    if as_json:
        print_json(made)
        return
    click.echo(made["url"])
    click.echo(f"send it to {person} alone: it can be used until {made['expires_at']}", err=True)


def _types(schema: dict[str, Any]) -> "Mapping[str, str]":
    properties = schema.get("properties", {})
    types = {name: each.get("type", "any") for name, each in properties.items() if isinstance(each, dict)}
    return {name: kind if isinstance(kind, str) else "any" for name, kind in types.items()}


def _find(source: "Source", inquiry: str) -> dict[str, Any]:
    """Return an inquiry by its id, or by the digits that the id of one of the newest ends with."""
    if len(inquiry) >= _WHOLE_DIGITS or len(inquiry) < SHOWN_DIGITS - 2:
        return source.ask(ShowInquiry(inquiry), InquiryAnswer).inquiry
    newest = source.ask(Inquiries(limit=MAX_PAGE), InquiriesAnswer).inquiries
    found = [each for each in newest if each["id"].endswith(inquiry)]
    if len(found) > 1:
        raise click.UsageError(f"{len(found)} inquiries end with {inquiry!r}: write more digits")
    return found[0] if found else source.ask(ShowInquiry(inquiry), InquiryAnswer).inquiry
