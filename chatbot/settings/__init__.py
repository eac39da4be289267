"""What a gateway needs to know to start, read from the environment once.

Reading order: `environment` (one variable), `settings` (all of them).
"""

from chatbot.settings.environment import Environment
from chatbot.settings.settings import (
    MAX_PORT,
    ArchiverSettings,
    ArchiveSettings,
    AuthSettings,
    LimitSettings,
    ModelSettings,
    Settings,
    archiver_settings_from_environment,
    settings_from_environment,
)

__all__ = [
    "MAX_PORT",
    "ArchiveSettings",
    "ArchiverSettings",
    "AuthSettings",
    "Environment",
    "LimitSettings",
    "ModelSettings",
    "Settings",
    "archiver_settings_from_environment",
    "settings_from_environment",
]
