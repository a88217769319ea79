"""The gateway's HTTP: authenticate, bound, check, ask Prefect; every refusal is told and logged."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path, Request
from pyrate_limiter import Duration, Limiter, Rate

from deployments.surge_gateway.access import Scope, Token, bearer_of
from deployments.surge_gateway.allowance import Allowance
from deployments.surge_gateway.bodies import (
    AlertAnswer,
    AlertMessage,
    Key,
    Problem,
    RefusedAlert,
    Surge,
    SurgeOrder,
)
from deployments.surge_gateway.body_limit import BodyLimit
from deployments.surge_gateway.configuration import AlertRule, GatewayConfiguration
from deployments.surge_gateway.refusals import Refusal, handle_refusals
from deployments.surge_gateway.runs import SurgeRuns
from springtide.errors import GuardRefused, Misconfigured, NotFound
from springtide.model.estate import Estate

logger = logging.getLogger(__name__)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem}
    for code in (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503)
}
Guard = Callable[[Scope], Callable[..., Token]]
"""Makes, for a scope, what finds the caller or refuses."""
IdempotencyKey = Annotated[Key, Header(alias="Idempotency-Key")]


def _present() -> datetime:
    return datetime.now(UTC)


def make_gateway(
    configuration: GatewayConfiguration,
    estate: Estate,
    runs: SurgeRuns,
    *,
    clock: Callable[[], datetime] = _present,
) -> FastAPI:
    """The gateway as an ASGI application; its `clock` tells the age of alerts and of surges."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with runs:
            yield

    app = FastAPI(
        title="Springtide surge gateway",
        version="1",
        lifespan=lifespan,
        # Their pages would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        responses=_REFUSALS,
    )
    app.add_middleware(BodyLimit, most=configuration.max_body_bytes)
    handle_refusals(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether it answers; of Prefect this says nothing."""
        return {"status": "ok"}

    allowed = _guard(configuration)
    allowance = Allowance(configuration.surges_per_hour, lambda: clock().timestamp())
    door = _Door(runs, estate, allowance)
    _surge_routes(app, door, allowed)
    _alert_route(app, configuration.alerts, door, allowed, clock=clock)
    return app


def _surge_routes(app: FastAPI, door: "_Door", allowed: Guard) -> None:
    @app.post("/surges", status_code=202)
    async def start_surge(
        order: SurgeOrder,
        idempotency_key: IdempotencyKey,
        caller: Annotated[Token, Depends(allowed(Scope.START))],
    ) -> Surge:
        """Ask for a surge; the same key and order asked for again is the same surge."""
        counted_as = caller.name, idempotency_key
        return await door.start(caller, idempotency_key, order, counted_as=counted_as)

    @app.get("/surges/{key}")
    async def read_surge(
        key: Annotated[Key, Path()], caller: Annotated[Token, Depends(allowed(Scope.READ))]
    ) -> Surge:
        """What became of a surge that was asked for here."""
        surge = await door.runs.find(key)
        if not caller.may_ask_for(surge.fleet):
            raise NotFound(f"no surge of the key {key!r} was asked for here")
        return surge


def _alert_route(
    app: FastAPI,
    rules: tuple[AlertRule, ...],
    door: "_Door",
    allowed: Guard,
    *,
    clock: Callable[[], datetime],
) -> None:
    by_name = {rule.alert: rule for rule in rules}

    @app.post("/alerts/alertmanager", status_code=202)
    async def take_alerts(
        message: AlertMessage, caller: Annotated[Token, Depends(allowed(Scope.ALERT))]
    ) -> AlertAnswer:
        """Turn firing alerts of configured names into surges; claims expire by themselves."""
        found = [
            (alert, by_name[alert.labels["alertname"]])
            for alert in message.alerts
            if alert.status == "firing" and alert.labels.get("alertname") in by_name
        ]
        now = clock()
        wanted = {alert.key_at(now, hours=rule.hours): (alert, rule) for alert, rule in found}
        surges, refusals = [], {}
        for key, (alert, rule) in wanted.items():
            try:
                # Not as its key: the next surge of an alert that goes on takes no other's place.
                counted_as = f"{caller.name} {rule.alert}", alert.name
                surges.append(await door.start(caller, key, rule.order(), counted_as=counted_as))
            except Refusal as refusal:
                # One alert that may not ask must not keep the others from it.
                refusals[key] = refusal
        if refusals and not surges:
            raise next(iter(refusals.values()))
        return _answer(message, surges, refusals)


def _answer(
    message: AlertMessage, surges: list[Surge], refusals: dict[str, Refusal]
) -> AlertAnswer:
    for key, refusal in refusals.items():
        logger.warning("refused=%d alert=%s why=%r", refusal.status, key, refusal.title)
    return AlertAnswer(
        surges=tuple(surges),
        refused=tuple(
            RefusedAlert(key=key, status=refusal.status, why=refusal.title)
            for key, refusal in refusals.items()
        ),
        ignored=len(message.alerts) - len(surges) - len(refusals),
    )


@dataclass(frozen=True)
class _Door:
    """Where orders come in: checked against token, estate and allowance before Prefect is asked."""

    runs: SurgeRuns
    estate: Estate
    allowance: Allowance

    async def start(
        self, caller: Token, key: str, order: SurgeOrder, *, counted_as: tuple[str, str]
    ) -> Surge:
        """The surge; `counted_as` is at which door of the allowance it takes a place, and whose."""
        if not caller.may_ask_for(order.fleet):
            raise Refusal(403, f"token {caller.name} may not ask for fleet {order.fleet}")
        owner = f"gateway: {caller.name}"
        try:
            order.request_of(self.estate, key=key, owner=owner)
        except (GuardRefused, Misconfigured) as error:
            raise Refusal(422, str(error)) from error
        self.allowance.admit(*counted_as)
        try:
            surge = await self.runs.start(key, order, owner=owner)
        except GuardRefused as error:
            raise Refusal(409, str(error)) from error
        logger.info(
            "surge=%r caller=%s key=%s servers=%d run=%s",
            surge.state,
            caller.name,
            key,
            order.servers,
            surge.run,
        )
        return surge


def _guard(configuration: GatewayConfiguration) -> Guard:
    """The guard over these tokens; each caller has a rate of its own."""
    rate = Rate(configuration.requests_per_minute, Duration.MINUTE)
    limiters = {name: Limiter(rate) for name in ("", *(t.name for t in configuration.tokens))}

    def allowed(scope: Scope) -> Callable[..., Token]:
        def caller(
            request: Request, authorization: Annotated[str | None, Header()] = None
        ) -> Token:
            found = bearer_of(authorization, configuration.tokens)
            name = found.name if found else ""
            request.state.caller = name or "unknown"
            if not limiters[name].try_acquire(name or "unknown", blocking=False):
                raise Refusal(429)
            if found is None:
                raise Refusal(401)
            if scope not in found.scopes:
                raise Refusal(403, f"token {found.name} has not the scope {scope}")
            return found

        return caller

    return allowed
