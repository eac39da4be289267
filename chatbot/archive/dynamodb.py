"""The table in DynamoDB, over boto3 on threads of its own."""

import asyncio
import functools
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final, Literal, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chatbot.archive.items import Item, is_deleted, key
from chatbot.errors import SettingsError
from chatbot.sessions import ArchiveUnavailable

MOST_ITEMS: Final = 25
"""Items that one BatchWriteItem takes."""

_ATTEMPTS: Final = 6
"""Times that what DynamoDB left unprocessed is sent before the caller has to come again."""

_LEAST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 1.0

_REFUSALS: Final = {"ValidationException", "ItemCollectionSizeLimitExceededException"}
"""What DynamoDB says of an item that it will never take. All else may pass: throttling, a table that is not
there yet, rights that are not given yet."""

_MISCONFIGURED: Final = {
    *("AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException"),
    *("InvalidSignatureException", "NoCredentialsError", "PartialCredentialsError"),
}
"""What will not pass by itself."""

_NEWER: Final = "attribute_not_exists(PK) OR (version < :v AND attribute_not_exists(deleted))"


class ItemRefused(Exception):
    """DynamoDB will not take what was sent, however often it is; the text holds no value of it."""


class DynamoTable:
    """One table, with the keys `PK` and `SK`, both texts.

    Credentials come from where boto3 finds them. Every method raises ArchiveUnavailable if DynamoDB cannot
    be reached, does not answer in time, throttles or refuses us; writes may have happened all the same, and
    are made to be repeated.

    Args:
        name: the table.
        region: AWS region; None: where boto3 finds one.
        endpoint_url: another server that speaks DynamoDB.
        threads: calls that are under way at once; the others wait.
        connect_timeout, read_timeout: seconds of one call.
    """

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        threads: int = 8,
        connect_timeout: float = 2.0,
        read_timeout: float = 5.0,
    ) -> None:
        self.name = name
        # One attempt: who calls knows best when to come again, and holds no thread meanwhile.
        config = Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_pool_connections=threads,
            retries={"total_max_attempts": 1},
        )
        self._client: Any = boto3.client(
            "dynamodb", region_name=region, endpoint_url=endpoint_url, config=config
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dynamodb")

    def __repr__(self) -> str:
        return f"<DynamoTable {self.name}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Drop what has not begun; what has may still end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def check(self) -> None:
        """Read once, to find mistakes before anything is entrusted to the table.

        Raises:
            SettingsError: there is no such table, it has other keys, or it is not ours to read.
            ArchiveUnavailable: nobody can tell, since DynamoDB does not answer.
        """
        try:
            await self.get(key("CHECK", "CHECK"))
        except ItemRefused as error:
            raise SettingsError(f"the table {self.name!r} needs the keys PK and SK, both texts") from error
        except ArchiveUnavailable as error:
            code = _code(error.__cause__)
            if code in _MISCONFIGURED:
                raise SettingsError(f"the table {self.name!r} cannot be used: {code}") from error
            raise

    async def write(self, *, put: Iterable[Item] = (), delete: Iterable[Item] = ()) -> None:
        """Put items and delete keys, in any order; each key at most once.

        Raises:
            ItemRefused: at least one of them is not to be had; others may have been taken.
        """
        requests = [{"PutRequest": {"Item": item}} for item in put]
        requests += [{"DeleteRequest": {"Key": item}} for item in delete]
        rest = iter(requests)
        while batch := list(islice(rest, MOST_ITEMS)):
            await self._write_all(batch)

    async def put_heading(self, item: Item) -> Literal["written", "older", "deleted"]:
        """Put an item with a `version`, unless what is there has the same or a higher one, or is a tombstone.

        Outcomes:
            "written": it is there now.
            "older": what was there stays.
            "deleted": a tombstone was there, and stays.

        Raises:
            ItemRefused: as `write`.
        """
        try:
            await self._call(
                "put_item",
                Item=item,
                ConditionExpression=_NEWER,
                ExpressionAttributeValues={":v": item["version"]},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _ConditionFailed as failed:
            return "deleted" if is_deleted(failed.found) else "older"
        return "written"

    async def get(self, key: Item) -> Item | None:
        """The item, as it is now."""
        reply = await self._call("get_item", Key=key, ConsistentRead=True)
        found: Item | None = reply.get("Item")
        return found

    async def query(self, pk: str, prefix: str, *, keys_only: bool = False) -> list[Item]:
        """All items of one partition whose `SK` begins with `prefix`, in the order of `SK`."""
        options: dict[str, Any] = {"ProjectionExpression": "PK, SK"} if keys_only else {}
        items: list[Item] = []
        while True:
            reply = await self._call(
                "query",
                ConsistentRead=True,
                KeyConditionExpression="PK = :pk AND begins_with(SK, :sk)",
                ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": prefix}},
                **options,
            )
            items += reply["Items"]
            if "LastEvaluatedKey" not in reply:
                return items
            options["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    async def create(self) -> None:
        """Make the table, with its expiry, unless it is there: for local use, billed by request."""
        try:
            await self._call(
                "create_table",
                KeySchema=[
                    {"AttributeName": "PK", "KeyType": "HASH"},
                    {"AttributeName": "SK", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": "PK", "AttributeType": "S"},
                    {"AttributeName": "SK", "AttributeType": "S"},
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        except ArchiveUnavailable as error:
            if _code(error.__cause__) != "ResourceInUseException":
                raise
            return
        wait = self._client.get_waiter("table_exists").wait
        await self._run("table_exists", functools.partial(wait, TableName=self.name))
        await self._call(
            "update_time_to_live", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )

    async def _write_all(self, requests: Sequence[Any]) -> None:
        for attempt in range(_ATTEMPTS):
            if attempt:
                # Jitter, since all who were throttled together would come again together.
                most = min(_MOST_PAUSE, _LEAST_PAUSE * 2**attempt)
                await asyncio.sleep(random.uniform(0, most))  # noqa: S311
            call = functools.partial(self._client.batch_write_item, RequestItems={self.name: requests})
            reply = await self._run("batch_write_item", call)
            requests = reply["UnprocessedItems"].get(self.name, [])
            if not requests:
                return
        raise ArchiveUnavailable(
            f"DynamoDB left {len(requests)} items unprocessed {_ATTEMPTS} times", operation="batch_write_item"
        )

    async def _call(self, operation: str, **arguments: Any) -> Any:
        call = getattr(self._client, operation)
        return await self._run(operation, functools.partial(call, TableName=self.name, **arguments))

    async def _run(self, operation: str, call: Callable[[], Any]) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except (ClientError, BotoCoreError) as error:
            raise _translated(operation, error) from error


class _ConditionFailed(Exception):
    """A condition did not hold; `found` is what is there."""

    def __init__(self, found: Item) -> None:
        super().__init__("the condition does not hold")
        self.found = found


def _translated(operation: str, error: ClientError | BotoCoreError) -> Exception:
    code = _code(error)
    if code == "ConditionalCheckFailedException":
        return _ConditionFailed(error.response.get("Item", {}))
    if code in _REFUSALS or isinstance(error, ParamValidationError):
        return ItemRefused(f"DynamoDB refused it: {code}")
    return ArchiveUnavailable(f"DynamoDB could not serve {operation}: {code}", operation=operation)


def _code(error: BaseException | None) -> str:
    """A ClientError's code, else the error's own name: neither holds a value or an address."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__
