"""Every error and every stop reason that the service's own model names has a meaning here."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ParamValidationError
from botocore.session import get_session

from chatbot.models.bedrock.failures import CODES, failure
from chatbot.models.bedrock.turn import VERDICTS


@pytest.fixture(scope="module")
def service():
    """The service as the installed botocore knows it."""
    return get_session().get_service_model("bedrock-runtime")


def test_every_stop_reason_of_the_service_is_known(service):
    """A new one shows here before users meet it; until then it is taken for an ordinary end."""
    assert set(service.shape_for("StopReason").enum) <= VERDICTS.keys()


def test_every_error_of_the_operation_is_known(service):
    """Before the stream begins."""
    errors = {shape.name for shape in service.operation_model("ConverseStream").error_shapes}
    assert errors <= CODES.keys()


def test_every_exception_in_mid_stream_is_known(service):
    """They are named as the errors are, but for the first letter."""
    members = service.shape_for("ConverseStreamOutput").members
    exceptions = {name for name, shape in members.items() if shape.metadata.get("exception")}
    assert len(exceptions) >= 5
    assert {name[0].upper() + name[1:] for name in exceptions} <= CODES.keys()


def test_each_failure_has_one_of_the_codes_that_are_told():
    """Clients and alarms go by them."""
    assert {each.code for each in CODES.values()} == {
        "model_busy",
        "model_unavailable",
        "model_rejected",
        "model_misconfigured",
    }


def answered(code, status):
    response = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "ConverseStream")


@pytest.mark.parametrize(
    ("error", "code", "retry"),
    [
        (answered("Unheard", 500), "model_unavailable", True),
        (answered("Unheard", 400), "model_rejected", False),
        (NoCredentialsError(), "model_misconfigured", False),
        (EndpointConnectionError(endpoint_url="x"), "model_unavailable", True),
        (ParamValidationError(report="x"), "model_rejected", False),
        (ConnectionResetError(), "model_unavailable", False),
        (KeyError("a defect"), "model_unavailable", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_answer_of_the_service_has_a_meaning_too(error, code, retry):
    """Whether to try again follows from it."""
    assert (failure(error).code, failure(error).retry) == (code, retry)
