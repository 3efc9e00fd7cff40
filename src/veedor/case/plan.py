"""The declared side of a case: what the authority said would count, and who stated what.

Hosts with their addresses and who oversees each, groups of clients and the hosts they must use,
paths between them, contingency plans, hashes frozen at milestones, users and their duties,
planned stops, documents that were delivered, evidence that was withheld, statements, and samples
that experts examined. All of it is claims: a check compares them with what machines recorded.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from veedor.case.entry import Entry, Identifier, Names
from veedor.case.mistake import Mistake, near
from veedor.case.sampling import Sample


def _with_offset(value: dt.datetime) -> dt.datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs an offset, such as 2019-10-20T19:40:57-04:00")
    return value


Instant = Annotated[dt.datetime, AfterValidator(_with_offset)]


def networks(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses or networks (10.1.0.0/16), each in its usual spelling."""
    return tuple(_network(text) for text in addresses)


def _network(text: str) -> str:
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither an address nor a network: {error}") from error
    return str(found.network_address) if found.num_addresses == 1 else str(found)


Addresses = Annotated[Names, AfterValidator(networks)]


class Valid(Entry):
    """An entry that holds for a time: without an end, or a start, it holds without it."""

    valid_from: Instant | None = None
    valid_to: Instant | None = None

    @model_validator(mode="after")
    def _forwards(self) -> Valid:
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError("valid_to is not after valid_from")
        return self


class Host(Valid):
    """A machine, or a service at an address, that the plan names.

    An address is not an identity: `keys` are. Where logs show which key a machine presented, that
    decides what it is taken for.
    """

    id: Identifier
    role: Identifier
    """What it does: proxy, perimeter, application, database, publication, contingency ..."""
    title: str = ""
    addresses: Addresses = ()
    names: Names = ()
    keys: Names = ()
    """Fingerprints of its certificates or SSH keys, as the logs write them."""
    place: str = ""
    """The data centre, or the provider and account of a cloud."""
    overseer: str = ""
    """Who oversees it, by the plan; empty where the plan names nobody."""
    monitor: str = ""
    """The monitoring that runs on it, by the plan; empty where there is none."""
    contingency: bool = False
    """Used only when a contingency is declared."""
    shared: bool = False
    """Many machines stand behind its address: translation of addresses, a proxy, a content
    network."""
    document: Identifier | None = None
    """The document that declares it, where it is not the signed inventory."""


class ClientGroup(Valid):
    """Machines of one kind that must use certain hosts."""

    id: Identifier
    title: str = ""
    addresses: Addresses = Field(min_length=1)
    members: int | None = Field(default=None, ge=1)
    """How many machines the plan counts."""
    uses: tuple[Identifier, ...] = Field(min_length=1)
    """The hosts that they must use."""

    @property
    def room(self) -> int:
        """How many addresses the group has."""
        return sum(ipaddress.ip_network(a).num_addresses for a in self.addresses)


class AllowedPath(Valid):
    """Who may open connections to whom: each end is a host, a role of hosts, or a group."""

    source: Identifier = Field(alias="from")
    target: Identifier = Field(alias="to")
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    """Ports of the target; all when empty."""


class Contingency(Entry):
    """A plan for a failure: hosts that take over from others, and when it was declared, if so."""

    id: Identifier
    text: str
    hosts: tuple[Identifier, ...] = Field(min_length=1)
    replaces: tuple[Identifier, ...] = ()
    declared_from: Instant | None = None
    """When it was put in force; empty where nobody declared it."""
    declared_to: Instant | None = None
    document: Identifier | None = None

    @model_validator(mode="after")
    def _forwards(self) -> Contingency:
        if self.declared_from and self.declared_to and self.declared_to <= self.declared_from:
            raise ValueError("declared_to is not after declared_from")
        return self


class Freeze(Entry):
    """The hash of a piece of software, a database or an image, frozen at a milestone."""

    item: str
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    at: Instant
    milestone: str = ""
    host: Identifier | None = None

    @field_validator("sha256")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.lower()


class User(Valid):
    """A login and what it may do. `person` is a code that tells people apart, never a name."""

    id: str
    person: Identifier | None = None
    duties: tuple[Identifier, ...] = ()
    """Steps of the process that it may take."""
    hosts: tuple[Identifier, ...] = ()
    """Hosts on which it may open sessions; all when empty."""
    shared: bool = False
    """Several people are meant to use it."""


class Incompatible(Entry):
    """Steps of one sheet that no one person may take together."""

    duties: tuple[Identifier, ...] = Field(min_length=2)
    reference: str = ""


class PlannedStop(Entry):
    """A stop that was announced beforehand: of publication, of processing, or of one host."""

    id: Identifier
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    of: Literal["publication", "processing", "host"] = "publication"
    host: Identifier | None = None
    text: str = ""
    document: Identifier | None = None

    @model_validator(mode="after")
    def _forwards(self) -> PlannedStop:
        if self.end <= self.start:
            raise ValueError("`to` is not after `from`")
        if (self.of == "host") != (self.host is not None):
            raise ValueError("a stop of a host names the host, and no other stop does")
        return self


class Delivered(Entry):
    """A document handed over to the auditors, and what it mentions."""

    id: Identifier
    title: str
    by: str = ""
    at: Instant | None = None
    hosts: tuple[str, ...] = ()
    """Hosts that it mentions: ids of hosts, or addresses."""
    events: tuple[Identifier, ...] = ()
    """Events of the case, planned stops and incidents that it mentions."""


class Withheld(Entry):
    """Evidence that existed, or ought to have, and that the audit does not have."""

    id: Identifier
    why: Literal["destroyed", "refused", "lost", "not-kept", "not-public"]
    what: str
    """The evidence, in words."""
    host: str | None = None
    """The host of which it is the record: its id, or an address."""
    start: Instant | None = Field(default=None, alias="from")
    end: Instant | None = Field(default=None, alias="to")
    source: str = ""

    @model_validator(mode="after")
    def _forwards(self) -> Withheld:
        if self.start and self.end and self.end <= self.start:
            raise ValueError("`to` is not after `from`")
        return self


Statuses = Annotated[
    tuple[Literal["observed", "not-observed", "not-determinable", "void", "not-applicable"], ...],
    BeforeValidator(lambda v: (v,) if isinstance(v, str) else v),
]
"""Statuses that a finding can have; one may be written without brackets."""


class Expectation(Entry):
    """What a statement would lead one to see in a finding of the audit.

    Either the finding's status, or a number of its statistic (a dotted path) within bounds.
    """

    finding: str
    """The finding's id: the check, and after a point its subject where it has one."""
    status: Statuses = ()
    statistic: str | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _something(self) -> Expectation:
        bounds = self.at_least is not None or self.at_most is not None
        if bool(self.status) == bool(self.statistic) or bool(self.statistic) != bounds:
            raise ValueError(
                "expect either a `status`, or a `statistic` with `at_least` or `at_most`"
            )
        return self


class Statement(Entry):
    """What a party, an official, a vendor or an auditor stated, in the words of this case."""

    id: Identifier
    by: str
    capacity: Literal[
        "authority", "official", "vendor", "auditor", "party", "observer", "academic", "other"
    ]
    text: str
    topic: str
    """What it is about: statements of one topic are shown side by side."""
    at: Annotated[str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$")] | None = None
    """When: a day, a month or a year (2021, 2021-07, 2021-07-29), as far as it is known."""
    source: str
    """Where it was stated."""
    tag: Literal["published", "press", "unverified"] = "published"
    """How it is known."""
    disputes: tuple[Identifier, ...] = ()
    """Statements that it contests."""
    refusal: bool = False
    """It refuses access to evidence."""
    expects: tuple[Expectation, ...] = ()
    """What the records would show if it holds; without any, it is not tested."""
    needs: str = ""
    """The evidence that could test it and that the case does not have."""


class Custody(Entry):
    """The prescribed order of handovers, as pairs of steps: the first comes before the second."""

    order: tuple[tuple[Identifier, Identifier], ...] = ()
    reference: str = ""
    """Where the order is prescribed."""


class Plan(Entry):
    """The declared side of a case; also the contents of a file named in its `plans`."""

    hosts: tuple[Host, ...] = ()
    groups: tuple[ClientGroup, ...] = ()
    paths: tuple[AllowedPath, ...] = ()
    contingencies: tuple[Contingency, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    users: tuple[User, ...] = ()
    incompatible: tuple[Incompatible, ...] = ()
    stops: tuple[PlannedStop, ...] = ()
    documents: tuple[Delivered, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    statements: tuple[Statement, ...] = ()
    samples: tuple[Sample, ...] = ()
    custody: Custody = Custody()


TABLES = tuple(name for name in Plan.model_fields if name != "custody")
"""The tables that a case and the files it names may both hold."""


def mistakes(plan: Plan, events: set[str]) -> list[Mistake]:
    """References within a plan that lead nowhere, ids that stand twice, hosts of one address."""
    return [*_twice(plan), *_lost(plan, events), *same_addresses(plan.hosts)]


def _twice(plan: Plan) -> Iterator[Mistake]:
    """Ids that stand twice among those of the same name space, each told once."""
    for tables in (
        ("hosts", "groups"),
        ("documents",),
        ("statements",),
        ("users",),
        ("stops", "withheld"),
    ):
        title = "events, stops and withheld" if "stops" in tables else " and ".join(tables)
        entries = [(t, n, entry.id) for t in tables for n, entry in enumerate(getattr(plan, t))]
        met = Counter[str]()
        for table, number, id_ in entries:
            met[id_] += 1
            if met[id_] == 2:
                yield Mistake((table, number, "id"), f"{title}: {id_!r} stands twice")


def _lost(plan: Plan, events: set[str]) -> Iterator[Mistake]:
    """References that lead nowhere."""
    hosts = {h.id for h in plan.hosts}
    ends = hosts | {g.id for g in plan.groups} | {h.role for h in plan.hosts}
    documents, statements = {d.id for d in plan.documents}, {s.id for s in plan.statements}
    happened = {*events, *(s.id for s in plan.stops), *(w.id for w in plan.withheld)}
    checked: tuple[tuple[str, str, set[str]], ...] = (
        ("groups", "uses", hosts),
        ("paths", "source", ends),
        ("paths", "target", ends),
        ("contingencies", "hosts", hosts),
        ("contingencies", "replaces", hosts),
        ("contingencies", "document", documents),
        ("hosts", "document", documents),
        ("freezes", "host", hosts),
        ("users", "hosts", hosts),
        ("stops", "host", hosts),
        ("stops", "document", documents),
        ("withheld", "host", hosts),
        ("documents", "events", happened),
        ("documents", "hosts", hosts),
        ("statements", "disputes", statements),
    )
    for table, field, known in checked:
        for number, entry in enumerate(getattr(plan, table)):
            named = getattr(entry, field)
            for name in (named,) if isinstance(named, str) else named or ():
                free = table in ("withheld", "documents") and is_address(name)
                if name in known or free:
                    continue
                key = type(entry).model_fields[field].alias or field
                which = getattr(entry, "id", getattr(entry, "item", None))
                yield Mistake(
                    (table, number, key),
                    f"{table}{f' ({which})' if which else ''}: names {name!r},"
                    f" which the case does not declare{near(name, known)}",
                )


def same_addresses(hosts: Sequence[Host]) -> Iterator[Mistake]:
    """Hosts with the same address or network at one time, each pair told once."""
    having: dict[str, list[int]] = {}
    for number, host in enumerate(hosts):
        for address in dict.fromkeys(host.addresses):
            having.setdefault(address, []).append(number)
    told = set()
    for address, numbers in having.items():
        for first, second in combinations(numbers, 2):
            one, other = hosts[first], hosts[second]
            if (first, second) in told or not _at_once(one, other):
                continue
            told.add((first, second))
            yield Mistake(
                ("hosts", second, "addresses"),
                f"hosts {one.id!r} and {other.id!r} have the same"
                f" {'network' if '/' in address else 'address'} {address} at the same time:"
                " records could not tell which of them is meant. Declare one host with both names,"
                " or state when each had it (valid_from, valid_to)",
            )


def _at_once(one: Valid, other: Valid) -> bool:
    """Whether two entries hold at one time."""
    return all(
        a.valid_from is None or b.valid_to is None or a.valid_from < b.valid_to
        for a, b in ((one, other), (other, one))
    )


def is_address(text: str) -> bool:
    """Whether a text is an internet address."""
    if not re.fullmatch(r"[0-9A-Fa-f:.]+", text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
