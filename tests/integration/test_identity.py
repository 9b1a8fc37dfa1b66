"""Identity over real TLS and real processes: every bad certificate at every call, revocation while streaming, joining
through a district, the way back after expiry, and a register that goes to another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest

from hub.enrolment import EnrolmentDesk
from hub.server import HubServer
from hub.session import Hub
from node import limits
from node.authorisation import CALLS, may_call
from node.clock import ManualClock, SystemClock
from node.enrolment_wire import RENEW_METHOD
from node.errors import IdentityError, PeerUnavailable
from node.identity import tls
from node.identity.certificates import Certificate, CertificateAuthority
from node.identity.folder import Identity, IdentityFolder
from node.identity.invitation import read_invitation
from node.ids import NodeId
from node.protocol.messages import Finish, Heads, Hello
from node.schema import SCHEMA_VERSION
from node.transport import CLIENT_OPTIONS
from node.uplink import unary
from node.wire import SYNC_METHOD, decode_response, encode_request
from ops.config import load_config, save_config
from ops.enrolment import enrol
from ops.rehearsal.nodes import NodeProcess, free_port
from ops.renewal import Renewal
from tests.identities import Tree
from tests.integration.test_command_line import dansync
from tests.integration.test_transport import HELLO, SECONDS, Thread, run

METHODS = tuple(call for call in CALLS if call.startswith("/"))
SLACK_SECONDS = (
    10.0  # the promise is two seconds; a machine under load may be late, a stream that is not cut never ends
)


@contextlib.asynccontextmanager
async def listening(tree: Tree, shown: Callable[[], Identity] | None = None) -> AsyncIterator[HubServer]:
    """The root as a server that also enrols."""
    thread = Thread()
    root = tree.root
    desk = EnrolmentDesk(tree.authority, root.identity.certificate)

    async def handle(method: str, request: bytes, _peer: Certificate) -> bytes:
        return await thread(lambda: desk.handle(method, request))

    hub = Hub(root.store, root.key, random.Random(0), "test")
    server = HubServer(hub, "127.0.0.1:0", thread, lambda: None, shown or (lambda: root.identity), handle)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        thread.close()


def open_stream(channel: grpc.aio.Channel) -> grpc.aio.StreamStreamCall[bytes, bytes]:
    opened: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
        SYNC_METHOD, request_serializer=None, response_deserializer=None
    )
    return opened()


async def call(server: HubServer, credentials: grpc.ChannelCredentials, method: str, *, name: str = "hub") -> str:
    """One call with nothing in it; returns how it went: a gRPC status, or 'answered'."""
    options = (*CLIENT_OPTIONS, *tls.channel_options(NodeId(name)))
    async with grpc.aio.secure_channel(server.address, credentials, options=options) as channel:
        try:
            if method == SYNC_METHOD:
                stream = open_stream(channel)
                await stream.write(encode_request(HELLO))
                await stream.write(encode_request(Heads((), (), last=True)))
                frame = await asyncio.wait_for(stream.read(), SECONDS)
                stream.cancel()
                if not isinstance(frame, bytes):
                    return (await stream.code()).name
                message = decode_response(frame)
                return message.code if isinstance(message, Finish) else "answered"
            await unary(channel, method, b"")
        except grpc.aio.AioRpcError as error:
            return error.code().name
        except PeerUnavailable as error:
            return error.message.split()[5]
    return "answered"


def mutual(identity: Identity) -> grpc.ChannelCredentials:
    return tls.channel_credentials(identity)


BAD: dict[str, Callable[[Tree], grpc.ChannelCredentials]] = {
    "none": lambda tree: grpc.ssl_channel_credentials(tree.certificates.certificate),
    "of another authority": lambda tree: mutual(
        tree.certify("child", certificates=CertificateAuthority.create("other", tree.clock.wall_ms()))
    ),
    "expired": lambda tree: mutual(
        tree.certify("child", begins_ms=tree.clock.wall_ms() - 50 * limits.DAY_MS, life_ms=10 * limits.DAY_MS)
    ),
    "not yet valid": lambda tree: mutual(tree.certify("child", begins_ms=tree.clock.wall_ms() + 50 * limits.DAY_MS)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("certificate", BAD)
def test_a_bad_certificate_gets_through_to_no_call(certificate: str, method: str, tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        tree.add("child")
        async with listening(tree) as server:
            assert await call(server, BAD[certificate](tree), method) == "UNAVAILABLE"
            assert not server.closes, "nothing of it reached our code"
        tree.close()

    run(work())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("role", ["node", "authority", "invited"])
def test_a_good_certificate_gets_to_the_calls_of_its_role(role: str, method: str, tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        tree.add("child")
        async with listening(tree) as server:
            how = await call(server, mutual(tree.certify("child", role=role)), method)  # type: ignore[arg-type]
            if may_call(method, role):
                assert how in ("answered", "INVALID_ARGUMENT", "not_enrolled"), how
            else:
                # A write that meets the end of a stream before its status has come is an INTERNAL one for grpc.aio.
                assert how in ("PERMISSION_DENIED", *(("INTERNAL",) if method == SYNC_METHOD else ()))
                assert server.closes == {"forbidden": 1}
        tree.close()

    run(work())


def test_a_child_does_not_talk_to_another_node_than_its_parent(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child, other = tree.add("child"), tree.add("other")
        async with listening(tree, lambda: other.identity) as server:
            assert await call(server, mutual(child.identity), SYNC_METHOD) == "UNAVAILABLE"
            assert await call(server, mutual(child.identity), SYNC_METHOD, name="other") != "UNAVAILABLE"
        tree.close()

    run(work())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("expired here", "expired"),
        ("not yet valid here", "clock"),
        ("expired there", "clock"),
        ("not yet valid there", "clock"),
        ("another authority there", "wrong_authority"),
        ("another node there", "wrong_parent"),
        ("an invited one as server", "wrong_authority"),
        ("another authority here", "closed_in_handshake"),
    ],
)
def test_a_failed_handshake_names_its_cause(name: str, code: str, tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child").identity
        now, day = tree.clock.wall_ms(), limits.DAY_MS
        foreign = CertificateAuthority.create("other", now)
        shown: Identity = tree.root.identity
        if name == "expired here":
            child = tree.certify("child", begins_ms=now - 50 * day, life_ms=10 * day)
        elif name == "not yet valid here":
            child = tree.certify("child", begins_ms=now + 50 * day)
        elif name == "expired there":
            shown = tree.certify("hub", begins_ms=now - 50 * day, life_ms=10 * day)
        elif name == "not yet valid there":
            shown = tree.certify("hub", begins_ms=now + 50 * day)
        elif name == "another authority there":
            shown = tree.certify("hub", certificates=foreign)
        elif name == "another node there":
            shown = tree.certify("somebody")
        elif name == "an invited one as server":
            shown = tree.certify("hub", role="invited")
        else:
            child = tree.certify("child", certificates=foreign)
        async with listening(tree, lambda: shown) as server:
            options = (*CLIENT_OPTIONS, *tls.channel_options(NodeId("hub")))
            async with grpc.aio.secure_channel(server.address, mutual(child), options=options) as channel:
                with pytest.raises(PeerUnavailable) as caught:
                    await unary(channel, RENEW_METHOD, b"")
        explanation = tls.explain_failure(caught.value.message, now, child.certificate)
        assert explanation is not None and explanation.code == code
        assert explanation.hint
        tree.close()

    run(work())


def test_a_refused_connection_is_not_taken_for_a_bad_certificate() -> None:
    details = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused"
    assert tls.explain_failure(details, 0, None) is None


def test_only_tls_1_3_is_spoken(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        async with listening(tree) as server:
            host, _, port = server.address.rpartition(":")

            def shake(version: ssl.TLSVersion) -> str:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.minimum_version = context.maximum_version = version
                with socket.create_connection((host, int(port)), timeout=SECONDS) as plain:
                    try:
                        with context.wrap_socket(plain) as wrapped:
                            return str(wrapped.version())
                    except (ssl.SSLError, OSError):
                        return "refused"

            assert await asyncio.to_thread(shake, ssl.TLSVersion.TLSv1_2) == "refused"
            assert await asyncio.to_thread(shake, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        tree.close()

    run(work())


def test_a_stream_is_cut_within_two_seconds_of_its_revocation(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        async with listening(tree) as server:
            options = (*CLIENT_OPTIONS, *tls.channel_options(NodeId("hub")))
            async with grpc.aio.secure_channel(server.address, mutual(child.identity), options=options) as channel:
                stream = open_stream(channel)
                hello = Hello(
                    1, 1, SCHEMA_VERSION, NodeId("child"), child.store.incarnation, b"", b"", HELLO.unit_code, "", "x"
                )
                await stream.write(encode_request(hello))
                await stream.write(encode_request(Heads((), (), last=True)))
                await asyncio.wait_for(stream.read(), SECONDS)
                await asyncio.wait_for(stream.read(), SECONDS)
                tree.authority.revoke(NodeId("child"), by="lan", reason="stolen")
                began = time.monotonic()
                while True:
                    frame = await asyncio.wait_for(stream.read(), SECONDS)
                    assert isinstance(frame, bytes), "the stream ended without a word"
                    message = decode_response(frame)
                    if isinstance(message, Finish):
                        break
                seconds = time.monotonic() - began
                assert message.code == "revoked"
                assert seconds < 2.0 + SLACK_SECONDS
        tree.close()

    run(work())


@pytest.mark.parametrize(("age_days", "renewed"), [(100, False), (400, True)])
def test_a_certificate_is_renewed_at_a_contact_after_a_third_of_its_life(
    age_days: int, renewed: bool, tmp_path: Path
) -> None:
    async def work() -> None:
        now = SystemClock().wall_ms()
        clock = ManualClock(now - age_days * limits.DAY_MS)
        tree = Tree(tmp_path, clock=clock)
        child = tree.add("child")
        child.config()
        clock.set_wall_ms(now)
        place = IdentityFolder(child.folder)
        before = place.load().certificate
        async with listening(tree) as server:
            options = (*CLIENT_OPTIONS, *tls.channel_options(NodeId("hub")))
            async with grpc.aio.secure_channel(server.address, mutual(child.identity), options=options) as channel:
                await Renewal(place, clock)(channel)
            after = place.load().certificate
            assert (after != before) is renewed
            assert after.public_key == before.public_key, "the key stays"
            assert await call(server, mutual(place.load()), SYNC_METHOD) == "answered"
        tree.close()

    run(work())


# --- with real processes ---------------------------------------------------------------------------------------------


def ok(*arguments: object) -> dict[str, object]:
    done = dansync(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def wait_until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def started(folder: Path) -> NodeProcess:
    config = load_config(folder)
    save_config(config)
    node = NodeProcess(config)
    node.start()
    node.wait_ready()
    return node


def seq_at(folder: Path, origin: object) -> int:
    rows = ok("origin", "list", folder)["origins"]
    assert isinstance(rows, list)
    return next((int(row["commits"]) for row in rows if row["origin"] == origin), 0)


def test_a_register_goes_to_another_pc_and_the_old_one_comes_back(tmp_path: Path) -> None:
    root, district, old, new = (tmp_path / name for name in ("root", "d", "old", "new"))
    root_port, district_port = free_port(), free_port()
    ok("init", root, "--node-id", "root", "--tier", "province", "--listen", f"127.0.0.1:{root_port}")
    ok("ca", "init", root)
    running = [started(root)]
    try:
        for folder, name, parent, port, listen in (
            (district, "d", "root", root_port, district_port),
            (old, "old", "d", district_port, 0),
            (new, "new", "d", district_port, 0),
        ):
            ok(
                *("init", folder, "--node-id", name, "--tier", "x", "--parent-node-id", parent),
                *("--parent", f"127.0.0.1:{port}"),
                *(("--listen", f"127.0.0.1:{listen}") if listen else ()),
            )
            ok("node", "invite", root, name, "--tier", "x", "--parent", parent, "--out", tmp_path / f"{name}.inv")
            ok("enroll", folder, tmp_path / f"{name}.inv")
            if listen:
                running.append(started(folder))
        origin = ok("status", old)["own"][0]["origin"]  # type: ignore[index]
        for number in range(5):
            ok("record", "household", old, "--id", f"H{number}")
        ok("run", old, "--drain")
        wait_until(lambda: seq_at(root, origin) == 6)
        # The old PC dies with one household that it has not sent; another one takes its register over.
        ok("record", "household", old, "--id", "unsent")
        ok("origin", "handover", root, "old", "--to", "new")
        wait_until(lambda: "new" in str(ok("origin", "list", district)["origins"]))
        taker = started(new)
        running.append(taker)
        wait_until(lambda: seq_at(new, origin) == 6)
        ok("record", "household", new, "--origin", str(origin), "--id", "H9")
        wait_until(lambda: seq_at(root, origin) == 7)
        # The old one comes back: refused as a writer, told so, and what it had not sent goes to the new one by letter.
        refused = dansync("run", old, "--drain")
        assert refused.returncode == 0, "it has nothing that it may send"
        wait_until(lambda: seq_at(root, origin) == 8)
        late = dansync("record", "household", old, "--id", "too late")
        assert late.returncode == 8 and "written by node new" in late.stderr
        mine = ok("status", old)
        assert mine["own"][0]["seq"] == 7 and mine["own"][0]["halted"] == "not_holder"  # type: ignore[index]
        assert seq_at(root, origin) == 8
        ok("origin", "retire", root, str(origin))
        wait_until(lambda: "retired" in str(ok("origin", "list", new)["origins"]))
        ended = dansync("record", "household", new, "--origin", origin, "--id", "after the end")
        assert ended.returncode == 8 and "retired" in ended.stderr
    finally:
        for node in reversed(running):
            node.stop()


def test_an_expired_node_has_a_way_back(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        config = child.config(parent="x")
        old = tree.certify("child", begins_ms=tree.clock.wall_ms() - 50 * limits.DAY_MS, life_ms=10 * limits.DAY_MS)
        shutil.rmtree(child.folder / "identity")
        place = IdentityFolder(child.folder)
        place.take_key(old.key)
        place.store(old.certificate, old.roots_pem, old.authority)
        async with listening(tree) as server:
            assert await call(server, mutual(place.load()), SYNC_METHOD) == "UNAVAILABLE"
            token = read_invitation(tree.authority.invite(NodeId("child"), NodeId("hub"), "x", by="lan").text)
            here = type(config)(child.folder, config.node_id, server.address)
            await enrol(here, child.store, token, tree.clock)
            assert place.load().certificate.not_after_ms > tree.clock.wall_ms()
            assert await call(server, mutual(place.load()), SYNC_METHOD) != "UNAVAILABLE"
            again = await enrol(here, child.store, token, tree.clock)
            assert again.certificate == place.load().certificate, "the same invitation once more does no harm"
        tree.close()

    run(work())


def test_an_invitation_that_was_used_by_somebody_else_is_worthless(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child, thief = tree.add("child"), tree.add("thief")
        token = tree.authority.invite(NodeId("child"), NodeId("hub"), "x", by="lan")
        async with listening(tree) as server:
            here = type(child.config())(child.folder, NodeId("child"), server.address)
            there = type(child.config())(thief.folder, NodeId("child"), server.address)
            await enrol(here, child.store, token, tree.clock)
            with pytest.raises(IdentityError, match="node thief"):
                await enrol(there, thief.store, token, tree.clock)
        tree.close()

    run(work())


def test_a_parent_that_is_away_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        token = tree.authority.invite(NodeId("child"), NodeId("hub"), "x", by="lan")
        here = type(child.config())(child.folder, NodeId("child"), "127.0.0.1:1")
        with pytest.raises(PeerUnavailable, match="did not answer"):
            await enrol(here, child.store, token, tree.clock)
        tree.close()

    run(work())
