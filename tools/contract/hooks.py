"""What schemathesis can't read from the api's description.

Nothing here names a route: whatever the description says is tried.
"""

import itertools
import os
import re

import schemathesis
from hypothesis import strategies
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

# Formats that are ours: which texts they mean is more than a pattern can tell.
FIELDS = ("*", "*/7", "3-5", "1,2")
schemathesis.openapi.format(
    "cron",
    strategies.one_of(
        strategies.sampled_from(["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "30 2 * * MON-FRI"]),
        strategies.tuples(*[strategies.sampled_from(FIELDS)] * 5).map(" ".join),
    ),
)
schemathesis.openapi.format("time-zone", strategies.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))

# Their hosts are names that can't exist (RFC 2606), and jobs that go there are refused by
# the worker of the run.
schemathesis.openapi.format(
    "http-url",
    strategies.from_regex(
        r"https?://[a-z0-9]{1,20}\.invalid(:[1-9][0-9]{0,3})?(/[a-z0-9._~-]{0,20}){0,3}(\?[a-z=&]{0,20})?",
        fullmatch=True,
    ),
)

# A request that fits its schemas may be refused for what no schema can say: what has happened before, what time it
# is, and how values of a request stand to each other. Problems of such kinds have codes of their own.
BY_WHAT_HAPPENED_BEFORE = {"idempotency_key_reused"}
OF_VALUES = {
    # Two values that exclude each other, or stand in the wrong order.
    "conflict",
    # The same header twice, in capitals and in small letters.
    "duplicate",
    # An object whose fields are all null.
    "empty_filter",
    "incomplete",
    # A cursor that no answer has given.
    "invalid_cursor",
    # A pointer to where the payload has nothing.
    "missing_value",
    # Headers that are not the client's to set, of which the description tells in words.
    "reserved",
    # Compared with the time when the request comes.
    "too_early",
    "too_late",
    # More bytes of a text, or entries of an object, than there may be, which the description tells in words.
    "too_large",
}
# What a payload may be, its kind says, which is data and no part of the description.
OF_A_PAYLOAD = re.compile(r"(^|/)payload(/|$)")

# Other codes that begin so name what is not there at the moment, such as a lane or a user.
OF_SCHEMAS = {"unknown_field", "unknown_parameter"}

# How many requests may wait for something to happen.
MOST_WAITS = 5
waits = itertools.count()

# What the run itself needs: the ids of its key and of its tenant.
OWN_IDS = set(os.environ.get("TANDEM_CONTRACT_OWN_IDS", "").split(",")) - {""}

# How schemathesis calls what no description knows.
UNKNOWN = "x-schemathesis-unknown"

# Integers that every program can tell from their neighbours.
LARGEST_SAFE_INTEGER = 2**53


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    """The check `positive_data_acceptance`, without the refusals that no schema can foretell."""
    if not is_foretellable(response) or has_wrong_header(case):
        return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def invalid_data_is_refused(ctx, response, case):
    """The check `negative_data_rejection`, where something else than an unknown header is wrong."""
    if any(name.lower().startswith(UNKNOWN) for name in case.headers or {}):
        return None
    return negative_data_rejection(ctx, response, case)


def has_wrong_header(case):
    """Whether a header does not match its pattern: schemathesis forgets the pattern where it tries 0 for a text."""
    sent = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    for parameter in case.operation.definition.raw.get("parameters", []):
        value = sent.get(parameter["name"].lower()) if parameter["in"] == "header" else None
        pattern = parameter["schema"].get("pattern")
        if value is not None and pattern is not None and not re.search(pattern, value):
            return True
    return False


def is_foretellable(response):
    # The version that a change asks for is one of a moment.
    if response.status_code == 412:
        return False
    if response.status_code not in (400, 422):
        return True
    try:
        problem = response.json()
    except ValueError:
        # The answer of the server before ours: it can't read what the description allows.
        return True
    if problem.get("code") in BY_WHAT_HAPPENED_BEFORE:
        return False
    errors = problem.get("errors", [])
    return not errors or any(is_of_schemas(error) for error in errors)


def is_of_schemas(error):
    code = error["code"]
    if OF_A_PAYLOAD.search(error.get("pointer", "")):
        return False
    return code in OF_SCHEMAS or not (code in OF_VALUES or code.startswith("unknown_"))


@schemathesis.hook
def map_body(ctx, body):
    """Writes whole numbers as such. 353.0 is an integer to JSON Schema, but not to most parsers of JSON."""
    return with_whole_numbers(body)


def with_whole_numbers(value):
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_SAFE_INTEGER:
        return int(value)
    if isinstance(value, list):
        return [with_whole_numbers(entry) for entry in value]
    if isinstance(value, dict):
        return {name: with_whole_numbers(entry) for name, entry in value.items()}
    return value


@schemathesis.hook
def before_call(ctx, case, kwargs):
    spare_the_run(case)
    shorten_wait(case)


def spare_the_run(case):
    """Changes nothing about the key and the tenant that the run itself uses, which lists tell as they tell others.

    A run whose key is revoked, or may ask once a second only, would go on and prove nothing.
    """
    if case.method.upper() in ("GET", "HEAD"):
        return
    for name, value in (case.path_parameters or {}).items():
        if value in OWN_IDS:
            case.path_parameters[name] = re.sub(r"[0-9A-Za-z]", "0", value)


def shorten_wait(case):
    """Shortens waits, and leaves out all but a few: a run has better things to do."""
    preference = (case.headers or {}).get("Prefer")
    if isinstance(preference, str) and "wait=" in preference:
        secs = 1 if next(waits) < MOST_WAITS else 0
        case.headers["Prefer"] = re.sub(r"wait=\d+", f"wait={secs}", preference)
