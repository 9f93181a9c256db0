"""Checks VMmanager, from its host name to its content. Each step is a line; the checks end at the first failure."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from balancer.model import Snapshot
from bot.cli.checks import tcp_tls
from bot.cli.checks.panel_content import SHOWN, look_at, some
from bot.cli.checks.sheet import Sheet
from bot.cli.checks.tcp_tls import Certificate, Endpoint, endpoint_of
from bot.config.panel_client import panel_client
from bot.config.settings import Settings
from bot.domain.clock import Clock
from bot.domain.sanitize import shorten
from bot.errors import ConfigError, PanelAuthError, PanelError, TokenRefused
from bot.panel.address import panel_address
from bot.panel.client import VMManagerAPI
from bot.panel.tls import certificate_fault, tls_context
from bot.rendering.phrases import duration

GREETING_S = 10.0
EXPIRES_SOON = timedelta(days=14)
SKEW_S = 30.0
"""A larger difference between the clocks gives a warning."""


async def check_panel(sheet: Sheet, settings: Settings, clock: Clock) -> Snapshot | None:
    """The clusters, with only the nodes that are balanced; ``None`` if the panel could not be read."""
    if not await check_address(sheet, settings, clock):
        return None
    return await check_account(sheet, settings, clock)


async def check_address(sheet: Sheet, settings: Settings, clock: Clock) -> bool:
    """Whether VMmanager answers at VMMANAGER_HOST. No password is sent."""
    endpoint = endpoint_of(panel_address(settings.vmmanager_host or ""))
    if not await _reached(sheet, endpoint) or not await _trusted(sheet, endpoint, settings, clock):
        return False
    async with panel_client(settings, clock) as panel:
        return await _is_vmmanager(sheet, panel)


async def check_account(sheet: Sheet, settings: Settings, clock: Clock) -> Snapshot | None:
    """As ``check_panel``, for an address whose check passed before."""
    async with panel_client(settings, clock) as panel:
        if not await _let_in(sheet, panel, settings):
            return None
        snapshot = await _read(sheet, panel, settings)
    return None if snapshot is None else replace(snapshot, nodes=look_at(sheet, snapshot, settings))


# The connection -------------------------------------------------------------------------------------


async def _reached(sheet: Sheet, endpoint: Endpoint) -> bool:
    texts = sheet.texts
    try:
        addresses = await tcp_tls.resolve(endpoint)
    except (OSError, UnicodeError, asyncio.TimeoutError) as error:
        words = error.strerror if isinstance(error, socket.gaierror) else _words(error)
        sheet.halt("panel-name", texts.text("check-name-unknown", host=endpoint.host, words=words or ""))
        return False
    sheet.ok("panel-name", texts.text("check-name-known", host=endpoint.host, ips=", ".join(addresses[:SHOWN])))
    try:
        await tcp_tls.connect(endpoint)
    except ConnectionRefusedError:
        sheet.halt("panel-port", texts.text("check-port-closed", where=str(endpoint)))
        return False
    except asyncio.TimeoutError:
        seconds = tcp_tls.STEP_S
        sheet.halt("panel-port", texts.text("check-port-silent", where=str(endpoint), seconds=seconds))
        return False
    except OSError as error:
        sheet.halt("panel-port", texts.text("check-port-unreachable", where=str(endpoint), words=_words(error)))
        return False
    sheet.ok("panel-port", texts.text("check-port-open", where=str(endpoint)))
    if not endpoint.encrypted and not tcp_tls.is_loopback(addresses):
        sheet.warn("panel-certificate", texts.text("check-not-encrypted"))
    return True


async def _trusted(sheet: Sheet, endpoint: Endpoint, settings: Settings, clock: Clock) -> bool:
    """Checks the certificate, also if VERIFY_SSL is off; a fault is then only a warning."""
    if not endpoint.encrypted:
        return True
    texts = sheet.texts
    tell = sheet.halt if settings.verify_ssl else sheet.warn
    try:
        path = settings.vmmanager_ca_file if settings.verify_ssl else None
        context = tls_context(str(path) if path else None)
        certificate = await tcp_tls.certificate(endpoint, context)
    except ConfigError as error:
        sheet.halt("panel-certificate", error.problems[0])
        return False
    except ssl.SSLCertVerificationError as error:
        tell("panel-certificate", await _untrusted(sheet, endpoint, error, context, settings))
        return not settings.verify_ssl
    except (OSError, asyncio.TimeoutError) as error:
        sheet.halt("panel-certificate", texts.text("check-no-tls", where=str(endpoint), words=_words(error)))
        return False
    if not settings.verify_ssl:
        sheet.warn("panel-certificate", texts.text("check-certificate-fine-unchecked"))
    else:
        _tell_of(sheet, certificate, clock)
    return True


def _tell_of(sheet: Sheet, certificate: Certificate, clock: Clock) -> None:
    texts = sheet.texts
    if certificate.expires_at is None:
        sheet.ok("panel-certificate", texts.text("check-certificate-fine"))
        return
    date = certificate.expires_at.date().isoformat()
    if certificate.expires_at - clock() < EXPIRES_SOON:
        sheet.warn("panel-certificate", texts.text("check-certificate-ends", date=date))
    else:
        sheet.ok("panel-certificate", texts.text("check-certificate-until", date=date))


async def _untrusted(  # noqa: PLR0911 - a line for each fault
    sheet: Sheet, endpoint: Endpoint, error: ssl.SSLCertVerificationError, context: ssl.SSLContext, settings: Settings
) -> str:
    """The fault of the certificate, and the remedy if certificates are verified."""
    texts = sheet.texts
    fault = certificate_fault(error)
    if not settings.verify_ssl:
        return texts.text("check-certificate-unchecked", words=error.verify_message)
    if fault == "self-signed":
        return texts.text("check-certificate-self-signed")
    if fault in ("private-ca", "unknown-issuer"):
        return texts.text("check-certificate-issuer")
    if fault == "expired":
        return texts.text("check-certificate-expired")
    if fault == "not-yet-valid":
        return texts.text("check-certificate-not-yet")
    if fault == "wrong-name":
        names = await tcp_tls.names_of(endpoint, context)
        return texts.text("check-certificate-name", host=endpoint.host, names=", ".join(names[:SHOWN]) or "?")
    return texts.text("check-certificate-other", words=error.verify_message)


# The server and the account -------------------------------------------------------------------------


async def _is_vmmanager(sheet: Sheet, panel: VMManagerAPI) -> bool:
    """Checks that the server is VMmanager before the password is sent."""
    texts = sheet.texts
    try:
        who, location = await asyncio.wait_for(panel.who_answers(), GREETING_S)
    except asyncio.TimeoutError:
        sheet.halt("panel-kind", texts.text("check-panel-silent", seconds=GREETING_S))
        return False
    except PanelError as error:
        sheet.halt("panel-kind", texts.text("check-panel-trouble", words=str(error)))
        return False
    if who == "stranger":
        sheet.halt("panel-kind", texts.text("check-panel-stranger", address=panel.address))
    elif who == "elsewhere":
        sheet.halt("panel-kind", texts.text("check-panel-elsewhere", location=shorten(location, 100)))
    elif who == "starting":
        sheet.warn("panel-kind", texts.text("check-panel-starting"))
        return True
    elif who == "unclear":
        sheet.warn("panel-kind", texts.text("check-panel-unclear", address=panel.address))
        return True
    else:
        sheet.ok("panel-kind", texts.text("check-panel-answers", address=panel.address))
        return True
    return False


async def _let_in(sheet: Sheet, panel: VMManagerAPI, settings: Settings) -> bool:
    texts = sheet.texts
    user = "VMMANAGER_TOKEN" if settings.vmmanager_token else settings.vmmanager_username or ""
    try:
        await panel.log_in()
        roles = await panel.account_roles()
        version = await panel.version()
    except TokenRefused:
        setting = "VMMANAGER_TOKEN_FILE" if settings.vmmanager_token_file else "VMMANAGER_TOKEN"
        sheet.halt("panel-login", texts.text("check-token-refused", setting=setting))
        return False
    except PanelAuthError as error:
        sheet.halt("panel-login", texts.text("check-login-refused", user=user, words=error.words or str(error)))
        return False
    except PanelError as error:
        sheet.halt("panel-login", texts.text("check-panel-trouble", words=str(error)))
        return False
    if version:
        sheet.ok("panel-login", texts.text("check-login-version", user=user, version=version))
    else:
        sheet.ok("panel-login", texts.text("check-login", user=user))
    _judge(sheet, roles, settings)
    _compare(sheet, panel.clock_ahead_s)
    return True


def _judge(sheet: Sheet, roles: Sequence[str] | None, settings: Settings) -> None:
    """Reads from the roles whether the account may migrate, because a try would be a migration."""
    texts = sheet.texts
    shown = ", ".join(roles or ())
    if roles is None:
        sheet.warn("panel-rights", texts.text("check-rights-unknown"))
    elif "@admin" in roles:
        sheet.ok("panel-rights", texts.text("check-rights-admin"))
    elif settings.dry_run:
        sheet.ok("panel-rights", texts.text("check-rights-dry-run", roles=shown or "-"))
    elif any("readonly" in role.replace("_", "").replace("-", "") for role in roles):
        sheet.fail("panel-rights", texts.text("check-rights-readonly", roles=shown))
    else:
        sheet.fail("panel-rights", texts.text("check-rights-other", roles=shown or "-"))


def _compare(sheet: Sheet, ahead_s: float | None) -> None:
    texts = sheet.texts
    if ahead_s is None:
        return
    by = duration(texts, timedelta(seconds=abs(ahead_s)))
    if abs(ahead_s) <= SKEW_S:
        sheet.ok("panel-clock", texts.text("check-clock-fine"))
    elif ahead_s > 0:
        sheet.warn("panel-clock", texts.text("check-clock-ahead", by=by))
    else:
        sheet.warn("panel-clock", texts.text("check-clock-behind", by=by))


# The content ----------------------------------------------------------------------------------------


async def _read(sheet: Sheet, panel: VMManagerAPI, settings: Settings) -> Snapshot | None:
    texts = sheet.texts
    try:
        snapshot = await panel.snapshot()
    except PanelError as error:
        sheet.halt("clusters", texts.text("check-unreadable", words=str(error)))
        return None
    known = {c.id for c in snapshot.clusters}
    missing = [i for i in settings.cluster_ids if i not in known]
    named = some([f"{c.name} ({c.id})" for c in snapshot.clusters])
    if missing:
        ids = ", ".join(map(str, missing))
        sheet.halt("clusters", texts.text("check-clusters-missing", ids=ids, known=named or "-"))
        return None
    if not snapshot.clusters:
        sheet.warn("clusters", texts.text("check-clusters-none"))
    else:
        sheet.ok("clusters", texts.text("check-clusters", count=len(snapshot.clusters), names=named))
    return snapshot


def _words(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {tcp_tls.STEP_S:g} s"
    return shorten(getattr(error, "strerror", None) or str(error) or type(error).__name__, 200)
