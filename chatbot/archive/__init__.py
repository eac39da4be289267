"""The archive: what was said, moved from Redis to DynamoDB, and read back when Redis has forgotten it.

Reading order: `entry` (one change of a session, as it stands in an archive stream), `scripts` and `log`
(those streams), `items` (what lies in the table), `dynamodb` (the table; boto3's home here), `reader` (what
the session repository reads back), `archiver` (what moves entries from the streams to the table).
"""

from cachekit.extras import missing_extra

try:
    from chatbot.archive.archiver import Archiver
    from chatbot.archive.dynamodb import DynamoTable
    from chatbot.archive.log import ArchiveLog
    from chatbot.archive.reader import SessionArchive
except ModuleNotFoundError as error:
    raise missing_extra(error, part="chatbot.archive", extra="aws") from error

__all__ = ["ArchiveLog", "Archiver", "DynamoTable", "SessionArchive"]
