"""Renewal of a node's certificate: at every contact with the parent, from a third of the certificate's life on.

The key stays; the new certificate counts from the next session on. A failure is no reason not to talk to the parent:
two thirds of the life are left to try again.
"""

from __future__ import annotations

import logging

import grpc.aio

from node.clock import Clock
from node.enrolling import accept, due_for_renewal, renewal_request
from node.enrolment_wire import RENEW_METHOD, decode_answer, encode_renew_request
from node.errors import DansyncError
from node.identity.folder import IdentityFolder
from node.uplink import unary

_log = logging.getLogger("dansync.renewal")


class Renewal:
    """Called with the open channel before each session."""

    def __init__(self, identities: IdentityFolder, clock: Clock) -> None:
        self._identities = identities
        self._clock = clock

    async def __call__(self, channel: grpc.aio.Channel) -> None:
        identity = self._identities.load()
        if not due_for_renewal(identity.certificate, self._clock.wall_ms()):
            return
        try:
            request = encode_renew_request(renewal_request(identity))
            answer = decode_answer(await unary(channel, RENEW_METHOD, request))
            if answer.state != "issued":
                _log.warning("the certificate was not renewed: %s %s", answer.code, answer.detail)
                return
            renewed = accept(answer, identity.node_id, identity.key, identity.roots_pem)
        except DansyncError as error:
            _log.warning("the certificate could not be renewed now: %s", error)
            return
        self._identities.store(renewed.certificate, renewed.roots_pem, renewed.authority)
        _log.info("the certificate was renewed; it is valid until %d", renewed.certificate.not_after_ms)
