"""The contract kit: one class in a plugin's test file, and the plugin is held to the contract.

    from connectors.testing.contract import Bench, ConnectorContract

    class AcmeBench(Bench):
        ...                                  # how to make, edit and delete a thing in a fake Acme

    class TestAcme(ConnectorContract):
        connector = AcmeConnector
        bench = AcmeBench

Checks of a power that the connector does not have are skipped with the reason, so are those that need a method
which the bench leaves out.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr, ValidationError

from connectors.contract import API_VERSION, ConnectionConfig, Connector, powers
from connectors.errors import AuthError, ConnectorsError, NotFound, RateLimited, Transient, Unverified
from connectors.model import ActionResult, Container, Delivery, EventKind, Level, PersonRef
from connectors.testing import probes
from connectors.testing.bench import CANARY, Bench, Kit, Shadow, recorded_logs

__all__ = ["CANARY", "FAULTS", "Bench", "ConnectorContract", "Kit"]

FAULTS: dict[str, type[ConnectorsError]] = {
    "401": AuthError,
    "403": ConnectorsError,
    "429": RateLimited,
    "500": Transient,
    "no answer": Transient,
    "garbage": ConnectorsError,
}
"""What an app may answer, and what reading must raise then."""

WAIT = 37.0
SECRET_NAMES = re.compile(r"(secret|token|password|api_key|private_key)$")


class ConnectorContract:
    """Holds one connector to the contract. Set `connector` and `bench` in a subclass named `Test…`."""

    connector: ClassVar[type[Connector[Any]]]
    bench: ClassVar[type[Bench]]

    @pytest.fixture
    def kit(self) -> Iterator[Kit]:
        """Serve the bench's fake for one test."""
        with probes.serve(self.connector, self.bench) as kit:
            yield kit

    # -- configuration

    def test_config_is_described_and_its_example_holds(self, kit: Kit) -> None:
        """Every setting is described, secrets are `SecretStr`, and the model's own example is valid."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", kit.connector.name), "name must be lower case: [a-z][a-z0-9_]*"
        assert kit.connector.requires_api == API_VERSION[0], "requires_api is not this API's version"
        model = kit.connector.Config
        assert issubclass(model, ConnectionConfig), "Config must subclass ConnectionConfig"
        for name, setting in model.model_fields.items():
            assert setting.description, f"setting {name!r} has no description"
            if SECRET_NAMES.search(name):
                assert SecretStr in probes.types(setting.annotation), f"setting {name!r} must be a SecretStr"
        try:
            model.model_validate(probes.example(model))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise AssertionError(f"the config's own example is refused: {problems}") from None

    def test_unknown_settings_are_refused(self, kit: Kit) -> None:
        """A misspelt setting is an error, not silently ignored."""
        settings = kit.bench.config(kit.url) | {"no_such_setting": 1}
        with pytest.raises(ValidationError):
            kit.connector.Config.model_validate(settings)

    def test_building_does_no_io(self, kit: Kit) -> None:
        """The constructor makes no call."""
        kit.connector(kit.connector.Config.model_validate(kit.bench.config(kit.url)), kit.context)
        assert kit.bench.fake.calls == [], "the constructor called the app"

    def test_what_is_not_read_is_named_once(self, kit: Kit) -> None:
        """`not_read()` names each kind of place once, of no resource, and calls nobody."""
        connector = kit.connect()
        with probes.untouched(kit):
            places = list(connector.not_read())
        assert all(place.part for place in places), "not_read() names a place without a name"
        assert len({place.part for place in places}) == len(places), "not_read() names a place twice"
        assert all(place.resource is None for place in places), "what is never read belongs to no resource"

    # -- check

    def test_check_says_that_all_is_well(self, kit: Kit) -> None:
        """With a healthy app some checks are OK and none failed."""
        found = list(kit.connect().check())
        assert [one.message for one in found if one.level is Level.FAILED] == []
        assert any(one.level is Level.OK for one in found), "check() says nothing is well"

    @pytest.mark.parametrize("fault", FAULTS)
    def test_check_reports_faults(self, kit: Kit, fault: str) -> None:
        """Whatever the app answers, check() raises nothing and says what is wrong."""
        connector = kit.connect()
        probes.fail(kit, fault)
        found = list(connector.check())
        if not kit.bench.fake.calls and not {"Syncs", "Remediates"} & set(powers(kit.connector)):
            pytest.skip("the connector never calls the app")
        wrong = [one for one in found if one.level is not Level.OK]
        assert wrong, f"check() finds all well although the app answers {fault}"
        if fault == "401":
            assert any(one.level is Level.FAILED for one in wrong), "refused credentials are no failed check"
            assert any(one.hint for one in wrong), "no hint says what to do about refused credentials"

    # -- webhooks

    def test_a_proven_delivery_is_accepted(self, kit: Kit) -> None:
        """What the app posts is verified without touching anything, and says what happened."""
        connector, delivery = self._delivery(kit)
        with probes.untouched(kit):
            receipt = kit.receive(connector, delivery)
        assert receipt.events, "a delivery about a new thing gives no event"
        assert not receipt.failure

    @pytest.mark.parametrize("forgery", probes.FORGERIES)
    def test_a_forgery_leaves_no_trace(self, kit: Kit, forgery: str) -> None:
        """Any doubt raises `Unverified`, with no call, no state and no content in the log."""
        connector, delivery = self._delivery(kit)
        for forger, forged, late in probes.forged(kit, connector, delivery, forgery=forgery):
            with probes.untouched(kit), pytest.raises(Unverified):
                forger.receive(forged, kit.bench.now() + late)
        assert CANARY not in str(kit.context.entries)

    def test_a_delivery_sent_twice_is_one(self, kit: Kit) -> None:
        """A redelivery has the same id and gives the same events."""
        connector, delivery = self._delivery(kit)
        first, second = kit.receive(connector, delivery), kit.receive(connector, delivery)
        assert first.delivery_id, "the receipt has no delivery_id: the host cannot drop a redelivery"
        assert first.delivery_id == second.delivery_id
        assert probes.names(first) == probes.names(second)
        _, other = kit.bench.create("another thing")
        if other is not None:
            assert kit.receive(connector, other).delivery_id != first.delivery_id, "two deliveries share one id"

    def test_an_edit_before_its_create_wins(self, kit: Kit) -> None:
        """Deliveries come in any order: the newest content is the current one."""
        connector = self._needs(kit, "ReceivesWebhooks")
        key, created = kit.bench.create(f"{CANARY} old")
        edited = probes.posted(kit.bench.edit(key, f"{CANARY} new"))
        shadow = Shadow()
        for delivery in (edited, probes.posted(created)):
            shadow.take(kit, connector, kit.follow(connector, kit.receive(connector, delivery)))
        assert f"{CANARY} new" in shadow.all(), "the edited text is not current"
        assert f"{CANARY} old" not in shadow.all(), "an older delivery replaced a newer one: look at the versions"

    def test_broken_bodies_are_malformed(self, kit: Kit) -> None:
        """A proven delivery with a body that nobody documented is `Malformed` or ignored, never a crash."""
        connector, delivery = self._delivery(kit)
        for body in probes.broken(delivery.body):
            signed = kit.bench.sign(body, delivery)
            try:
                for event in kit.receive(connector, signed).events:
                    if event.kind is EventKind.CHANGED:
                        kit.texts(connector, event)
            except Unverified:
                raise AssertionError("the bench's sign() gives a delivery that is not proven") from None
            except ConnectorsError:
                continue

    # -- sync

    def test_a_sync_lists_everything(self, kit: Kit) -> None:
        """Every thing is found, however the app cuts its pages."""
        connector = self._needs(kit, "Syncs")
        words = probes.seed(kit)
        shadow = Shadow()
        shadow.take(kit, connector, kit.everything(connector))
        missing = [word for word in words if word not in shadow.all()]
        assert not missing, f"a full sync misses {len(missing)} of {len(words)} things: is the last page read?"
        once, again = ([part.id for part in connector.partitions()] for _ in range(2))
        assert once == again, "partition ids change from call to call"
        assert len(set(once)) == len(once), "two partitions have one id"

    def test_pages_account_for_what_they_list(self, kit: Kit) -> None:
        """Listed = events + failures; only the last page is done, with a cursor that is JSON without content."""
        connector = self._needs(kit, "Syncs")
        probes.seed(kit)
        for partition in connector.partitions():
            pages = kit.read(connector, partition)
            assert pages, f"no page for partition {partition.id!r}"
            assert [page.done for page in pages] == [False] * (len(pages) - 1) + [True], "only the last page is done"
            for page in pages:
                assert page.listed == len(page.events) + len(page.failures), "listed is not events + failures"
                assert CANARY not in json.dumps(page.cursor), "content in a cursor"
            read = [event for page in pages for event in page.events]
            assert pages[-1].cursor is not None or not read, "the last page has no cursor: all is read again"

    def test_a_killed_sync_resumes_with_nothing_lost(self, kit: Kit) -> None:
        """Stopped after any page, a new connector goes on from the cursor and the union is complete."""
        connector = self._needs(kit, "Syncs")
        probes.seed(kit)
        for partition in connector.partitions():
            whole = {event.resource.id for page in kit.read(connector, partition) for event in page.events}
            stops = len(kit.read(connector, partition))
            for stop in range(1, stops):
                reading = kit.connect().read(partition, None)
                pages = [next(reading) for _ in range(stop)]
                reading.close()
                rest = kit.read(kit.connect(), partition, pages[-1].cursor)
                found = {event.resource.id for page in [*pages, *rest] for event in page.events}
                lost = len(whole - found)
                assert not lost, f"{lost} of {len(whole)} resources lost by a stop after page {stop}"

    def test_a_later_read_sees_what_changed(self, kit: Kit) -> None:
        """From the cursor of a finished read, an edit and a new thing are seen."""
        connector = self._needs(kit, "Syncs")
        key, _ = kit.bench.create(f"{CANARY} first")
        before = kit.cursors(connector)
        kit.bench.edit(key, f"{CANARY} edited")
        kit.bench.create(f"{CANARY} second")
        shadow = Shadow()
        for partition in connector.partitions():
            for page in kit.read(connector, partition, before.get(partition.id)):
                shadow.take(kit, connector, page.events)
        for word in ("edited", "second"):
            assert f"{CANARY} {word}" in shadow.all(), f"an incremental read misses what is {word}"

    def test_webhook_and_sync_agree(self, kit: Kit) -> None:
        """The same thing has one id, one version and the same parts from both doors."""
        connector = self._needs(kit, "ReceivesWebhooks", "Syncs")
        before = kit.cursors(connector)
        _, created = kit.bench.create(f"{CANARY} seen twice")
        pushed = kit.follow(connector, kit.receive(connector, probes.posted(created)), before)
        listed = kit.everything(connector)
        by_push = {(event.resource.id, event.version) for event in pushed if probes.holds(kit, connector, event)}
        by_sync = {(event.resource.id, event.version) for event in listed if probes.holds(kit, connector, event)}
        assert by_push, "the webhook does not lead to the text"
        assert by_push == by_sync, "webhook and sync name one thing differently (id, version)"
        parts = [{part for event in door for part in probes.holds(kit, connector, event)} for door in (pushed, listed)]
        assert parts[0] == parts[1], "webhook and sync name the parts differently"

    def test_units_can_be_asked_again(self, kit: Kit) -> None:
        """A second call for one event gives the same parts: events are retried at any time."""
        connector = self._needs(kit, "Syncs")
        kit.bench.create(f"{CANARY} twice")
        for event in kit.everything(connector):
            if event.kind is EventKind.CHANGED:
                assert kit.texts(connector, event) == kit.texts(connector, event), "units() is not repeatable"
                json.dumps(event.payload)

    def test_deletions_are_seen(self, kit: Kit) -> None:
        """A deleted thing is deleted for a later read or a webhook, or missing from a read that reconciles."""
        connector = self._needs(kit, "Syncs")
        kit.bench.create("stays")
        key, _ = kit.bench.create(CANARY)
        gone, _ = kit.locate(connector, CANARY)
        before = kit.cursors(connector)
        posted = kit.bench.delete(key)
        if posted is not None:
            pushed = kit.follow(connector, kit.receive(connector, posted), before)
            assert probes.deletes(pushed, gone.id), "the webhook of a deletion does not delete"
        full = [page for part in connector.partitions() for page in kit.read(connector, part)]
        still = [event for page in full for event in page.events if event.resource.id == gone.id]
        assert not any(probes.holds(kit, connector, event) for event in still), "a full sync lists what is deleted"
        later = [
            event
            for part in connector.partitions()
            for page in kit.read(connector, part, before.get(part.id))
            for event in page.events
        ]
        reconciles = any(page.reconcile for page in full)
        assert probes.deletes(later, gone.id) or reconciles, "neither a later read nor a reconcile sees the deletion"

    # -- faults

    @pytest.mark.parametrize("fault", FAULTS)
    def test_reading_raises_what_the_host_understands(self, kit: Kit, fault: str) -> None:
        """A fault of the app becomes one of the product's errors, or a gap where access is missing."""
        connector = self._needs(kit, "Syncs")
        kit.bench.create("anything")
        partition = next(iter(connector.partitions()))
        reader = kit.connect()
        probes.fail(kit, fault)
        try:
            pages = kit.read(reader, partition)
        except FAULTS[fault]:
            return
        gaps = [failure for page in pages for failure in page.failures]
        assert fault == "403", f"a read goes on although the app answers {fault}"
        assert gaps, "missing access is silently left out"
        assert not any(page.reconcile for page in pages), "missing access would delete what is known"

    @pytest.mark.parametrize("fault", FAULTS)
    def test_units_raise_what_the_host_understands(self, kit: Kit, fault: str) -> None:
        """Fetching content late, a fault of the app becomes one of the product's errors, or a gap."""
        connector = self._needs(kit, "Syncs")
        kit.bench.create("anything")
        events = [event for event in kit.everything(connector) if event.kind is EventKind.CHANGED]
        reader = kit.connect()
        probes.fail(kit, fault)
        with contextlib.suppress(FAULTS[fault]):
            kit.texts(reader, events[-1])

    def test_retry_after_is_obeyed(self, kit: Kit) -> None:
        """An app that asks for 37 seconds is left alone, and the host is told."""
        connector = self._needs(kit, "Syncs")
        partition = next(iter(connector.partitions()))
        probes.fail(kit, "429")
        before = len(kit.bench.fake.calls)
        with pytest.raises(RateLimited) as caught:
            kit.read(connector, partition)
        told = [caught.value.after, *(after for _, after in kit.context.throttles)]
        assert WAIT in told, "Retry-After does not reach the host"
        assert len(kit.bench.fake.calls) - before <= 2, "the app is asked again although it asked to wait"

    def test_nothing_leaks(self, kit: Kit) -> None:
        """Content and secrets stand in no log, error, repr, label, cursor or detail."""
        with recorded_logs() as lines:
            said = list(probes.said(kit))
        secrets = probes.secrets(kit.connect().config)
        for text in (*said, *lines, str(kit.context.entries)):
            assert CANARY not in text, f"content leaks: {probes.around(text, CANARY)}"
            for setting, secret in secrets.items():
                assert secret not in text, f"the setting {setting!r} leaks: {probes.around(text, secret)}"

    # -- people and channels

    def test_strangers_are_not_found(self, kit: Kit) -> None:
        """Somebody whom the app does not know is `NotFound`, not an invented person."""
        connector = self._needs(kit, "KnowsPeople")
        with pytest.raises(NotFound):
            connector.person(PersonRef("nobody-of-this-name"))

    def test_a_subscription_can_be_renewed(self, kit: Kit) -> None:
        """A subscription is JSON and renewable, can be ended twice, and its secrets stay out of its repr."""
        connector = self._needs(kit, "Subscribes")
        callback = "https://connectors.example/webhooks/kit"
        first = connector.subscribe(callback, None)
        kept = replace(first, state=json.loads(json.dumps(dict(first.state))))
        again = connector.subscribe(callback, kept)
        for one in (first, again):
            assert one.expires_at is None or one.expires_at > kit.bench.now(), "a subscription that is over at once"
            assert one.expires_at is None or one.expires_at.tzinfo, "expires_at has no time zone"
            assert kit.bench.secret not in repr(one), "a secret in the repr of a subscription"
        connector.unsubscribe(again)
        connector.unsubscribe(again)  # the host was cut off, and asks once more

    # -- actions

    def test_actions_act_once(self, kit: Kit) -> None:
        """An action does something, says so, and done again it changes nothing."""
        for connector, action, key, target in self._actions(kit):
            before = kit.bench.show(key)
            outcome = connector.act(action, target, dry_run=False)
            assert outcome.result in (ActionResult.DONE, ActionResult.REFUSED), f"{action}: {outcome.result}"
            assert outcome.message, f"{action} does not say what it did"
            assert CANARY not in repr(outcome), f"{action} shows content"
            if outcome.result is ActionResult.REFUSED:
                assert kit.bench.show(key) == before, f"{action} refuses and acts all the same"
                continue
            after = kit.bench.show(key)
            again = connector.act(action, target, dry_run=False)
            assert kit.bench.show(key) == after, f"{action} done twice changes more"
            assert again.result is not ActionResult.DRY_RUN

    def test_dry_runs_touch_nothing(self, kit: Kit) -> None:
        """A dry run says what would be done and leaves everything as it is."""
        for connector, action, key, target in self._actions(kit):
            before = kit.bench.show(key)
            outcome = connector.act(action, target, dry_run=True)
            assert kit.bench.show(key) == before, f"a dry run of {action} changed something"
            assert outcome.result is not ActionResult.DONE, f"a dry run of {action} says that it was done"

    def test_nothing_is_done_when_the_value_is_gone(self, kit: Kit) -> None:
        """The content is read again right before acting: a value that is gone is left alone."""
        for connector, action, key, target in self._actions(kit):
            kit.bench.edit(key, "clean now")
            before = kit.bench.show(key)
            outcome = connector.act(action, target, dry_run=False)
            assert kit.bench.show(key) == before, f"{action} acts although the value is gone"
            assert outcome.result is not ActionResult.DONE, f"{action} says done although the value is gone"

    def test_what_is_read_again_is_what_a_sync_lists(self, kit: Kit) -> None:
        """Read again, a thing has a sync's id, version and texts; changed, the new ones; gone, it is gone."""
        connector = self._needs(kit, "Rereads", "Syncs")
        key, _ = kit.bench.create(f"{CANARY} to be read again")
        listed = kit.listed(connector, CANARY)
        # What a finding keeps of a resource names neither its parent nor who sees its container.
        thing = listed.resource
        kept = replace(thing, parent="", container=Container(thing.container.id, thing.container.name))
        again = connector.reread(kept)
        assert (again.resource.id, again.version) == (thing.id, listed.version), "another identity than a sync's"
        assert kit.texts(connector, again) == kit.texts(connector, listed), "other texts than a sync's"
        kit.bench.edit(key, "clean now")
        edited = connector.reread(kept)
        assert edited.version >= again.version, "the version falls"
        assert CANARY not in "".join(kit.texts(connector, edited).values()), "what was read is not what is there now"
        kit.bench.delete(key)
        with contextlib.suppress(NotFound):
            assert connector.reread(kept).kind is EventKind.DELETED, "it counts as there although it is gone"

    # -- how the checks get their things

    def _needs(self, kit: Kit, *wanted: str) -> Any:
        lacking = [power for power in wanted if power not in powers(kit.connector)]
        if lacking:
            pytest.skip(f"{kit.connector.name} has no power {', '.join(lacking)}")
        return kit.connect()

    def _delivery(self, kit: Kit) -> tuple[Any, Delivery]:
        connector = self._needs(kit, "ReceivesWebhooks")
        _, posted = kit.bench.create(f"{CANARY} in a delivery")
        return connector, probes.posted(posted)

    def _actions(self, kit: Kit) -> Iterator[tuple[Any, str, str, Any]]:
        connector = self._needs(kit, "Remediates", "Syncs")
        for number, spec in enumerate(connector.actions):
            word = f"{CANARY}-{number}"
            key, _ = kit.bench.create(f"the value {word} stands here")
            kit.bench.expose(key, spec.name)
            target = kit.target(connector, word)
            if not spec.kinds or target.resource.kind in spec.kinds:
                yield connector, spec.name, key, target
