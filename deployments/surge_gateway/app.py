"""The gateway's HTTP: authenticate, bound, check, ask Prefect; every refusal is told and logged."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pyrate_limiter import Duration, Limiter, Rate
from starlette.exceptions import HTTPException

from deployments.surge_gateway.access import Scope, Token, bearer_of
from deployments.surge_gateway.bodies import (
    AlertAnswer,
    AlertMessage,
    Key,
    Mistake,
    Problem,
    Surge,
    SurgeOrder,
)
from deployments.surge_gateway.body_limit import BodyLimit
from deployments.surge_gateway.configuration import GatewayConfiguration
from deployments.surge_gateway.runs import SurgeRuns
from springtide.errors import GuardRefused, Misconfigured, NotFound, Retryable, SpringtideError
from springtide.model.estate import Estate
from springtide.planning.emergency_surge import surge_request

logger = logging.getLogger(__name__)
_RETRY_AFTER_S = 5
_MINUTE_S = 60
_TITLES = {
    401: "no known token: send Authorization: Bearer …",
    403: "this token has another scope",
    429: "too many requests",
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem} for code in (400, 401, 403, 404, 405, 409, 413, 422, 429, 502, 503)
}
Guard = Callable[[Scope], Callable[..., Token]]
"""Makes, for a scope, what finds the caller or refuses."""
IdempotencyKey = Annotated[Key, Header(alias="Idempotency-Key")]


class Refusal(Exception):
    """A request that is refused, with the status that says why."""

    def __init__(self, status: int, title: str = "") -> None:
        """`title` is empty where the status has one of its own."""
        super().__init__(title)
        self.status = status
        self.title = title or _TITLES[status]


def make_gateway(configuration: GatewayConfiguration, estate: Estate, runs: SurgeRuns) -> FastAPI:
    """The gateway as an ASGI application."""

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
    _refusals(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether it answers; of Prefect this says nothing."""
        return {"status": "ok"}

    allowed = _guard(configuration)
    _surge_routes(app, estate, runs, allowed)
    _alert_route(app, configuration, estate, runs, allowed)
    return app


def _surge_routes(app: FastAPI, estate: Estate, runs: SurgeRuns, allowed: Guard) -> None:
    @app.post("/surges", status_code=202)
    async def start_surge(
        order: SurgeOrder,
        idempotency_key: IdempotencyKey,
        caller: Annotated[Token, Depends(allowed(Scope.START))],
    ) -> Surge:
        """Ask for a surge; the same key and order asked for again is the same surge."""
        return await _start(runs, estate, caller, idempotency_key, order)

    @app.get("/surges/{key}")
    async def read_surge(
        key: Annotated[Key, Path()], _: Annotated[Token, Depends(allowed(Scope.READ))]
    ) -> Surge:
        """What became of a surge that was asked for here."""
        return await runs.find(key)


def _alert_route(
    app: FastAPI,
    configuration: GatewayConfiguration,
    estate: Estate,
    runs: SurgeRuns,
    allowed: Guard,
) -> None:
    rules = {rule.alert: rule for rule in configuration.alerts}

    @app.post("/alerts/alertmanager", status_code=202)
    async def take_alerts(
        message: AlertMessage, caller: Annotated[Token, Depends(allowed(Scope.ALERT))]
    ) -> AlertAnswer:
        """Turn firing alerts of configured names into surges; claims expire by themselves."""
        wanted = {
            alert.key: rules[alert.labels["alertname"]]
            for alert in message.alerts
            if alert.status == "firing" and alert.labels.get("alertname") in rules
        }
        surges = [
            await _start(
                runs,
                estate,
                caller,
                key,
                SurgeOrder(
                    fleet=rule.fleet,
                    servers=rule.servers,
                    hours=rule.hours,
                    reason=f"alert {rule.alert} is firing",
                ),
            )
            for key, rule in wanted.items()
        ]
        return AlertAnswer(surges=tuple(surges), ignored=len(message.alerts) - len(surges))


async def _start(
    runs: SurgeRuns, estate: Estate, caller: Token, key: str, order: SurgeOrder
) -> Surge:
    if not caller.may_ask_for(order.fleet):
        raise Refusal(403, f"token {caller.name} may not ask for fleet {order.fleet}")
    owner = f"gateway: {caller.name}"
    given: dict[str, object] = order.model_dump(exclude={"fleet"})
    try:
        surge_request(estate.fleet(order.fleet), {**given, "key": key, "owner": owner})
    except (GuardRefused, Misconfigured) as error:
        raise Refusal(422, str(error)) from error
    try:
        surge = await runs.start(key, order, owner=owner)
    except GuardRefused as error:
        raise Refusal(409, str(error)) from error
    logger.info(
        "surge=%s caller=%s key=%s servers=%d", surge.state, caller.name, key, order.servers
    )
    return surge


def _guard(configuration: GatewayConfiguration) -> Guard:
    """The guard over these tokens; each caller has a rate of its own."""
    rate = Rate(configuration.requests_per_minute, Duration.MINUTE)
    limiters = {name: Limiter(rate) for name in ("", *(t.name for t in configuration.tokens))}

    def allowed(scope: Scope) -> Callable[..., Token]:
        def caller(authorization: Annotated[str | None, Header()] = None) -> Token:
            found = bearer_of(authorization, configuration.tokens)
            name = found.name if found else ""
            if not limiters[name].try_acquire(name or "unknown", blocking=False):
                raise Refusal(429)
            if found is None:
                raise Refusal(401)
            if scope not in found.scopes:
                raise Refusal(403, f"token {found.name} has not the scope {scope}")
            return found

        return caller

    return allowed


def _refusals(app: FastAPI) -> None:
    """Have every refusal be a `Problem`, and be logged without anything secret."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> JSONResponse:
        return _problem(request, error.status, error.title)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        answer = _problem(request, error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = tuple(
            Mistake(field=".".join(str(part) for part in each["loc"][1:]), detail=each["msg"])
            for each in error.errors()
        )
        return _problem(request, 422, "the request is not what it should be", found)

    @app.exception_handler(SpringtideError)
    async def failed(request: Request, error: SpringtideError) -> JSONResponse:
        status = {NotFound: 404, Retryable: 503}.get(type(error), 502)
        return _problem(request, status, str(error))


def _problem(
    request: Request, status: int, title: str, mistakes: tuple[Mistake, ...] = ()
) -> JSONResponse:
    logger.warning(
        "refused=%d method=%s path=%s why=%s %s",
        status,
        request.method,
        request.url.path,
        title,
        "; ".join(f"{m.field}: {m.detail}" for m in mistakes),
    )
    told = Problem(status=status, title=title, mistakes=mistakes).model_dump(mode="json")
    headers = {
        401: {"WWW-Authenticate": "Bearer"},
        429: {"Retry-After": str(_MINUTE_S)},
        503: {"Retry-After": str(_RETRY_AFTER_S)},
    }
    return JSONResponse(told, status, headers.get(status))
