"""The declared side of a case: its mistakes are named with key and line, its plan files are one
with it, and what it names is there.
"""

from __future__ import annotations

import hashlib
from typing import get_args

import pytest
from pydantic import ValidationError

from tests.building import small_case
from veedor.audit.findings import Status
from veedor.case.loading import load_case
from veedor.case.plan import Freeze, Host, Plan, Statuses, is_address, mistakes
from veedor.errors import CaseError

COUNTS = {"official": {"station": ["1"], "A": [6], "B": [3], "C": [1]}}
HOST = '[[hosts]]\nid = "app"\nrole = "application"\n'


def written(tmp_path, text="", **keys):
    path = small_case(tmp_path, COUNTS, **keys)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + text)
    return path


def plan_file(tmp_path, text, name="plan.toml", more=""):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return written(tmp_path, more, plans=[name])


def line_of(path, words):
    lines = path.read_text(encoding="utf-8").splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if words in line]
    return number


MISTAKES = {
    "unknown key": (HOST + 'adresses = "10.0.0.1"', "adresses", "did you mean addresses"),
    "no address": (HOST + 'addresses = "10.0.0.300"', "10.0.0.300", "neither an address nor"),
    "no network": (HOST + 'addresses = ["10.0.0.0/8", "10.0.0.0/33"]', "/33", "neither an address"),
    "no role": ('[[hosts]]\nid = "app"', None, "hosts.0.role: Field required"),
    "no offset": (HOST + "valid_from = 2020-01-31T20:00:00", "valid_from", "needs an offset"),
    "id with a space": ('[[users]]\nid = "u"\nperson = "Ana B"', "person", "pattern"),
    "no hash": (
        '[[freezes]]\nitem = "x"\nat = 2020-01-31T20:00:00Z\nsha256 = "abc"', "sha256", "pattern",
    ),
    "why": ('[[withheld]]\nid = "w"\nwhat = "x"\nwhy = "stolen"', "stolen", "'destroyed'"),
    "no member": (
        '[[groups]]\nid = "g"\naddresses = []\nuses = ["app"]', "addresses = []", "at least 1",
    ),
    "one duty": ('[[incompatible]]\nduties = ["first"]', "duties", "at least 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_key_and_its_line(tmp_path, name):
    text, words, expected = MISTAKES[name]
    path = written(tmp_path, text)
    with pytest.raises(CaseError) as raised:
        load_case(path)
    assert expected in raised.value.message
    if words:
        assert raised.value.place == f"{path}:{line_of(path, words)}"


@pytest.mark.parametrize("name", ["unknown key", "no address", "no offset"])
def test_a_mistake_in_a_plan_file_is_named_there(tmp_path, name):
    text, words, expected = MISTAKES[name]
    path = plan_file(tmp_path, "# A plan.\n" + text)
    with pytest.raises(CaseError) as raised:
        load_case(path)
    plan = tmp_path / "plan.toml"
    assert expected in raised.value.message
    assert raised.value.place == f"{plan}:{line_of(plan, words)}"


def test_entries_of_plan_files_are_entries_of_the_case(tmp_path):
    text = HOST.replace("app", "db") + '[[users]]\nid = "u1"\n'
    order = '[custody]\norder = [["in", "out"]]\n'
    (tmp_path / "second.toml").write_text(HOST.replace("app", "web") + order, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    case = load_case(written(tmp_path, HOST, plans=["plan.toml", "second.toml"]))
    assert [h.id for h in case.hosts] == ["app", "db", "web"]
    assert [u.id for u in case.users] == ["u1"]
    assert case.custody.order == (("in", "out"),)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert case.plan_files["plan.toml"] == (digest, len(text))
    assert set(case.plan_files) == {"plan.toml", "second.toml"}


def test_a_plan_file_may_hold_the_plan_alone(tmp_path):
    with pytest.raises(CaseError, match="title: this key is not known"):
        load_case(plan_file(tmp_path, 'title = "Another"'))


@pytest.mark.parametrize(("content", "words"), [
    (b"hosts = [", "not TOML"), (b"# \xff", "not TOML in UTF-8"), (None, "cannot be read"),
])  # fmt: skip
def test_a_plan_file_that_cannot_be_read_is_named(tmp_path, content, words):
    if content is not None:
        (tmp_path / "plan.toml").write_bytes(content)
    with pytest.raises(CaseError, match=words) as raised:
        load_case(written(tmp_path, plans=["plan.toml"]))
    assert raised.value.place == str(tmp_path / "plan.toml")


@pytest.mark.parametrize("name", ["../plan.toml", "inner/../../plan.toml", "ABSOLUTE"])
def test_a_plan_file_outside_the_folder_of_the_case_is_refused(tmp_path, name):
    (tmp_path / "plan.toml").write_text(HOST, encoding="utf-8")
    (tmp_path / "case" / "inner").mkdir(parents=True)
    name = str(tmp_path / "plan.toml") if name == "ABSOLUTE" else name
    path = written(tmp_path / "case", plans=[name])
    with pytest.raises(CaseError, match="does not lie beside the case file") as raised:
        load_case(path)
    assert raised.value.place == str(path)


def test_a_plan_file_in_a_folder_beside_the_case_file_is_read(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "plan.toml").write_text(HOST, encoding="utf-8")
    assert [h.id for h in load_case(written(tmp_path, plans=["inner/plan.toml"])).hosts] == ["app"]


def test_the_order_of_custody_is_given_once(tmp_path):
    order = '[custody]\norder = [["in", "out"]]\n'
    with pytest.raises(CaseError, match="custody is given twice"):
        load_case(plan_file(tmp_path, order, more=order))


def test_a_host_that_stands_in_two_files_is_a_mistake(tmp_path):
    with pytest.raises(CaseError, match="'app' stands twice"):
        load_case(plan_file(tmp_path, HOST, more=HOST))


SHA = "a" * 64
UNKNOWN = {
    "groups": [{"id": "g", "addresses": "10.0.0.0/8", "uses": ["nobody"]}],
    "paths": [{"from": "nobody", "to": "app"}],
    "contingencies": [{"id": "c", "text": "B", "hosts": ["app"], "replaces": ["nobody"]}],
    "hosts": [{"id": "h", "role": "web", "document": "nobody"}],
    "freezes": [{"item": "x", "sha256": SHA, "at": "2020-01-31T20:00:00Z", "host": "nobody"}],
    "users": [{"id": "u", "hosts": ["nobody"]}],
    "stops": [{"id": "s", "from": "2020-01-31T20:00:00Z", "to": "2020-01-31T21:00:00Z",
               "of": "host", "host": "nobody"}],
    "withheld": [{"id": "w", "why": "lost", "what": "x", "host": "nobody"}],
    "documents": [{"id": "d", "title": "D", "events": ["nobody"]}],
    "statements": [{"id": "t", "by": "X", "capacity": "party", "text": "x", "topic": "x",
                    "source": "x", "disputes": ["nobody"]}],
}  # fmt: skip
APP = {"id": "app", "role": "application"}


@pytest.mark.parametrize("table", UNKNOWN)
def test_what_a_plan_names_without_declaring_it_is_told(table):
    tables = {"hosts": [APP], table: UNKNOWN[table]}
    tables["hosts"] = [APP, *(UNKNOWN["hosts"] if table == "hosts" else [])]
    plan = Plan.model_validate(tables)
    (found,) = mistakes(plan, set())
    assert found.keys[:2] == (table, 1 if table == "hosts" else 0)
    assert found.text.startswith(table)
    assert "names 'nobody', which the case does not declare" in found.text


def test_hosts_groups_roles_addresses_events_and_stops_may_be_named():
    plan = Plan.model_validate({
        "hosts": [APP],
        "groups": [{"id": "g", "addresses": "10.0.0.0/8", "uses": ["app"]}],
        "paths": [{"from": "g", "to": "application"}, {"from": "app", "to": "g"}],
        "stops": [{"id": "s", "from": "2020-01-31T20:00:00Z", "to": "2020-01-31T21:00:00Z"}],
        "withheld": [{"id": "w", "why": "lost", "what": "x", "host": "2001:db8::9"}],
        "documents": [{"id": "d", "title": "D", "hosts": ["app", "192.0.2.1"],
                       "events": ["s", "w", "cut"]}],
    })  # fmt: skip
    assert mistakes(plan, {"cut"}) == []
    assert len(mistakes(plan, set())) == 1


@pytest.mark.parametrize(("tables", "words"), [
    ({"groups": [{"id": "app", "addresses": "10.0.0.0/8", "uses": ["app"]}]}, "hosts and groups"),
    ({"users": [{"id": "u"}, {"id": "u"}]}, "users"),
    ({"withheld": [{"id": "w", "why": "lost", "what": "x"}] * 2}, "events, stops and withheld"),
])  # fmt: skip
def test_an_id_that_stands_twice_is_told_once(tables, words):
    found = mistakes(Plan.model_validate({"hosts": [APP], **tables}), set())
    assert len(found) == 1
    assert found[0].text.startswith(words)
    assert "stands twice" in found[0].text


AT = ("2020-01-31T20:00:00Z", "2020-01-31T21:00:00+01:00", "2020-01-31T20:00:01Z")


@pytest.mark.parametrize(("start", "end", "right"), [
    (AT[0], AT[2], True), (AT[0], AT[1], False), (AT[2], AT[0], False), (None, AT[0], True),
    (AT[0], None, True),
])  # fmt: skip
def test_a_time_of_validity_ends_after_it_begins(start, end, right):
    """The first two are one instant, written in two zones."""
    entry = APP | {"valid_from": start, "valid_to": end}
    if right:
        assert Host.model_validate(entry).valid_to is None or end
        return
    with pytest.raises(ValidationError, match="valid_to is not after valid_from"):
        Host.model_validate(entry)


STOP = {"id": "s", "from": AT[0], "to": AT[2]}


@pytest.mark.parametrize("change", [
    {"to": AT[1]}, {"of": "host"}, {"host": "app"}, {"of": "processing", "host": "app"},
])  # fmt: skip
def test_a_stop_ends_after_it_begins_and_names_a_host_where_it_is_of_one(change):
    Plan.model_validate({"stops": [STOP | {"of": "host", "host": "app"}, STOP]})
    with pytest.raises(ValidationError, match=r"stop of a host|not after"):
        Plan.model_validate({"stops": [STOP | change]})


@pytest.mark.parametrize(("expectation", "right"), [
    ({"status": "observed"}, True), ({"status": ["observed", "void"]}, True),
    ({"statistic": "a.b", "at_least": 1}, True), ({"statistic": "a", "at_most": 0}, True),
    ({}, False), ({"statistic": "a"}, False), ({"at_least": 1}, False),
    ({"status": "observed", "statistic": "a", "at_least": 1}, False),
    ({"status": "observed", "at_most": 1}, False),
])  # fmt: skip
def test_a_statement_expects_a_status_or_a_bounded_number(expectation, right):
    made = {"id": "t", "by": "X", "capacity": "party", "text": "x", "topic": "x", "source": "x",
            "expects": [{"finding": "a.b", **expectation}]}  # fmt: skip
    if right:
        assert Plan.model_validate({"statements": [made]}).statements[0].expects
        return
    with pytest.raises(ValidationError, match="expect either"):
        Plan.model_validate({"statements": [made]})


def test_addresses_have_one_spelling_and_one_name_may_stand_for_several():
    host = Host.model_validate(
        APP
        | {"addresses": [" 10.0.0.7/24", "10.0.0.7/32", "2001:DB8:0:0::1"], "names": "a.example"}
    )
    assert host.addresses == ("10.0.0.0/24", "10.0.0.7", "2001:db8::1")
    assert host.names == ("a.example",)
    assert Freeze(item="x", sha256="AB" * 32, at=AT[0]).sha256 == "ab" * 32


@pytest.mark.parametrize(("text", "is_one"), [
    ("10.0.0.1", True), ("2001:db8::1", True), ("::ffff:10.0.0.1", True), ("10.0.0.0/8", False),
    ("10.0.0", False), ("app", False), ("", False), ("fe80::1%eth0", False), ("1.2.3.4\n", False),
    ("cafe", False),
])  # fmt: skip
def test_texts_that_are_addresses_are_told_from_ids_and_networks(text, is_one):
    assert is_address(text) is is_one


WEB = """[[hosts]]
id = "web"
role = "application"
addresses = ["198.51.100.10"]
"""
LOST = {
    "a group's host": ('[[groups]]\nid = "g"\naddresses = "10.0.0.0/8"\nuses = ["webb"]', "uses ="),
    "the end of a path": ('[[paths]]\nfrom = "web"\nto = "aplication"', "to ="),
    "the host of a stop": (
        '[[stops]]\nid = "s"\nfrom = 2020-01-31T20:00:00Z\nto = 2020-01-31T21:00:00Z\nof = "host"'
        '\nhost = "wep"', 'host = "wep"',
    ),
    "the host of a user": ('[[users]]\nid = "u"\nhosts = ["wub"]', "hosts ="),
    "an event of a document": (
        '[[documents]]\nid = "d"\ntitle = "D"\nevents = ["nothing"]', "events =",
    ),
    "a host of a contingency": (
        '[[contingencies]]\nid = "c"\ntext = "C"\nhosts = ["web"]\nreplaces = ["wob"]',
        "replaces =",
    ),
    "a statement": (
        '[[statements]]\nid = "t"\nby = "X"\ncapacity = "party"\ntext = "x"\ntopic = "x"'
        '\nsource = "x"\ndisputes = ["T1"]', "disputes =",
    ),
    "a withheld host": (
        '[[withheld]]\nid = "w"\nwhy = "lost"\nwhat = "x"\nhost = "webs"', 'host = "webs"',
    ),
    "an id that stands twice": ('[[users]]\nid = "u1"\n[[users]]\nid = "u1" # again', "# again"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("where", ["case.toml", "plan.toml"])
def test_a_reference_that_leads_nowhere_is_named_with_its_file_and_its_line(tmp_path, name, where):
    text, words = LOST[name]
    if where == "plan.toml":
        path = plan_file(tmp_path, f"# A plan.\n{text}\n", more=WEB)
    else:
        path = plan_file(tmp_path, WEB, more=text)
    with pytest.raises(CaseError) as raised:
        load_case(path)
    found = tmp_path / where
    assert raised.value.place == f"{found}:{line_of(found, words)}"


def test_the_key_is_looked_for_in_its_entry_only(tmp_path):
    first = '[[users]]\nid = "u"\nhosts = ["web"]\n'
    entry = '[[users]]\nid = "u"\n[[withheld]]\nid = "w"\nwhy = "lost"\nwhat = "x"\nhost = "web"\n'
    with pytest.raises(CaseError, match="'u' stands twice") as raised:
        load_case(plan_file(tmp_path, first + entry, more=WEB))
    assert raised.value.place == f"{tmp_path / 'plan.toml'}:5"


def test_a_near_name_is_told(tmp_path):
    with pytest.raises(CaseError, match=r"names 'webb', .*; did you mean web\?"):
        load_case(written(tmp_path, WEB + LOST["a group's host"][0]))


def test_the_place_of_each_mistake_in_another_line_is_told(tmp_path):
    text = '[[users]]\nid = "u"\nhosts = ["x"]\n[[users]]\nid = "v"\nhosts = ["y"]\n'
    with pytest.raises(CaseError) as raised:
        load_case(plan_file(tmp_path, text, more=WEB))
    plan = tmp_path / "plan.toml"
    assert raised.value.place == f"{plan}:3"
    assert f"; {plan}:6: users (v): names 'y'" in raised.value.message


def test_an_id_that_stands_twice_is_told_before_what_that_leaves_unnamed(tmp_path):
    text = WEB + WEB.replace("198.51.100.10", "198.51.100.11")
    log = '[[sources]]\nid = "log"\nkind = "log-lines"\nformat = "syslog"\nfile = "a.log"\n'
    with pytest.raises(CaseError) as raised:
        load_case(plan_file(tmp_path, text, more=log + 'of_host = "db"\n'))
    assert raised.value.message.startswith("hosts and groups: 'web' stands twice; ")
    assert raised.value.place == f"{tmp_path / 'plan.toml'}:6"


def test_a_host_of_a_source_is_named_with_its_line(tmp_path):
    log = '[[sources]]\nid = "log"\nkind = "log-lines"\nformat = "syslog"\nfile = "a.log"\n'
    path = written(tmp_path, WEB + log + 'of_host = "wob"\n')
    with pytest.raises(
        CaseError, match=r"'wob' is no declared host, .*; did you mean web\?"
    ) as raised:
        load_case(path)
    assert raised.value.place == f"{path}:{line_of(path, 'wob')}"


@pytest.mark.parametrize(("addresses", "other", "words"), [
    ("198.51.100.10", "198.51.100.10/32", "address 198.51.100.10 "),
    ("2001:DB8::1", "2001:db8:0::1", "address 2001:db8::1 "),
    ("10.0.0.0/24", "10.0.0.7/24", "network 10.0.0.0/24 "),
])  # fmt: skip
def test_two_hosts_have_no_address_at_one_time(tmp_path, addresses, other, words):
    text = "".join(
        f'[[hosts]]\nid = "{name}"\nrole = "r"\naddresses = ["{address}"]\n'
        for name, address in (("web", addresses), ("api", other))
    )
    with pytest.raises(CaseError, match=r"Declare one host with both names") as raised:
        load_case(plan_file(tmp_path, text))
    assert f"hosts 'web' and 'api' have the same {words}at the same time" in raised.value.message
    assert raised.value.place == f"{tmp_path / 'plan.toml'}:8"


@pytest.mark.parametrize(("first", "second", "right"), [
    ({"valid_to": AT[0]}, {"valid_from": AT[0]}, True),
    ({"valid_to": AT[2]}, {"valid_from": AT[0]}, False),
    ({"valid_from": AT[2]}, {"valid_to": AT[0]}, True),
    ({"valid_from": AT[0]}, {}, False),
    ({"valid_from": AT[0], "valid_to": AT[2]}, {"valid_to": AT[0]}, True),
])  # fmt: skip
def test_an_address_may_pass_from_one_host_to_another(first, second, right):
    hosts = [{"id": i, "role": "r", "addresses": "10.0.0.1", **more}
             for i, more in (("a", first), ("b", second))]  # fmt: skip
    assert (mistakes(Plan.model_validate({"hosts": hosts}), set()) == []) is right


def test_a_narrower_network_and_a_group_may_have_a_host_s_address():
    plan = Plan.model_validate({
        "hosts": [{"id": "a", "role": "r", "addresses": ["10.0.0.0/24", "10.0.0.0/24"]},
                  {"id": "b", "role": "r", "addresses": ["10.0.0.0/25", "10.0.0.1"]}],
        "groups": [{"id": "g", "addresses": ["10.0.0.1"], "uses": ["a"]}],
    })  # fmt: skip
    assert mistakes(plan, set()) == []


def test_a_contingency_ends_after_it_begins():
    entry = {"id": "c", "text": "C", "hosts": ["app"], "declared_from": AT[0]}
    Plan.model_validate({"contingencies": [entry, entry | {"declared_to": AT[2]}]})
    with pytest.raises(ValidationError, match="declared_to is not after declared_from"):
        Plan.model_validate({"contingencies": [entry | {"declared_to": AT[1]}]})


def test_evidence_is_withheld_from_an_instant_to_a_later_one():
    entry = {"id": "w", "why": "lost", "what": "x", "from": AT[0]}
    Plan.model_validate({"withheld": [entry, entry | {"to": AT[2]}]})
    with pytest.raises(ValidationError, match="`to` is not after `from`"):
        Plan.model_validate({"withheld": [entry | {"to": AT[1]}]})


@pytest.mark.parametrize(("port", "right"), [(1, True), (65535, True), (0, False), (65536, False)])
def test_ports_are_those_that_there_are(port, right):
    path = {"paths": [{"from": "a", "to": "b", "ports": [443, port]}]}
    if right:
        assert Plan.model_validate(path).paths[0].ports == (443, port)
        return
    with pytest.raises(ValidationError, match=r"paths\.0\.ports\.1"):
        Plan.model_validate(path)


def test_a_statement_expects_a_status_that_findings_have(tmp_path):
    assert get_args(get_args(get_args(Statuses)[0])[0]) == get_args(Status)
    text = LOST["a statement"][0].replace('["T1"]', "[]")
    text += '\nexpects = [{ finding = "a.b", status = ["obsrved"] }]\n'
    with pytest.raises(CaseError, match=r"status\.0: Input should be 'observed', ") as raised:
        load_case(plan_file(tmp_path, text))
    assert raised.value.place == f"{tmp_path / 'plan.toml'}:9"


@pytest.mark.parametrize(("text", "key", "hint"), [
    ("{HOST}colour = 1", "hosts.0.colour", ""),
    ('[[paths]]\nfrom = "a"\nto = "a"\nport = [1]', "paths.0.port", " (did you mean ports?)"),
    ('{HOST}[[paths]]\nfrm = "app"\nto = "app"', "paths.0.frm", " (did you mean from?)"),
    ("{HOST}overser = 1", "hosts.0.overser", " (did you mean overseer?)"),
    ("[host]\nid = 1", "host", " (did you mean hosts?)"),
])  # fmt: skip
def test_keys_are_proposed_of_the_entry_s_own(tmp_path, text, key, hint):
    """`colour` is a key of options, and `from` is what a path's `source` is called in files."""
    with pytest.raises(CaseError) as raised:
        load_case(written(tmp_path, text.replace("{HOST}", HOST)))
    assert f"{key}: this key is not known here{hint}" in raised.value.message
    assert hint or "did you mean" not in raised.value.message
