"""Settings that are shown."""

from stretto.actors.settings import Settings, shown_settings
from stretto.actors.settings.model import EngineSettings


def test_passwords_in_urls_are_hidden() -> None:
    """Before the host, and in the query. All other settings are as they are."""
    settings = Settings(engine=EngineSettings(store="postgresql://me:s3:cr@t@host/db?password=x&a=b", max_runs=5))
    shown = shown_settings(settings)
    assert shown["engine"]["store"] == "postgresql://me:***@host/db?password=***&a=b"
    assert (shown["engine"]["max_runs"], shown["serve"]["port"]) == (5, 8420)
