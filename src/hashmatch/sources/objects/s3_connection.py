"""How S3 is reached: botocore finds the credentials, the region and the endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hashmatch.errors import MissingExtraError, SettingsError
from hashmatch.sources.objects.fetcher import CONNECTIONS

_CONNECT_SECONDS = 10
_READ_SECONDS = 30


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach S3. The endpoint comes from ``AWS_ENDPOINT_URL_S3``, or the profile.

    Attributes:
        profile: the profile of the AWS configuration to use; None for the usual chain.
        requester_pays: accept that we pay for requests to others' buckets.
    """

    profile: str | None = None
    requester_pays: bool = False


class S3Connection:
    """A client for any number of buckets; raises ``MissingExtraError`` without botocore."""

    def __init__(self, options: S3Options) -> None:
        try:
            import botocore.session  # noqa: PLC0415 # an extra
        except ModuleNotFoundError as error:
            raise MissingExtraError("scanning s3://", "s3") from error
        self.options = options
        self._session = botocore.session.Session(profile=options.profile)
        self._clients: dict[str, Any] = {}
        self.paying = {"RequestPayer": "requester"} if options.requester_pays else {}

    def client(self, region: str | None = None) -> Any:
        """Return a client of a region, or of the configured one. Any thread may use it.

        Raises ``SettingsError`` if the AWS configuration cannot be used.
        """
        from botocore.config import Config  # noqa: PLC0415 # an extra
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 # an extra

        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": 1},  # persist() tries again, and says why it failed
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
            signature_version="s3v4",
        )
        try:
            chosen = region or self._session.get_config_variable("region") or "us-east-1"
            if chosen not in self._clients:
                self._clients[chosen] = self._session.create_client(
                    "s3", region_name=chosen, config=config
                )
            return self._clients[chosen]
        except (BotoCoreError, ValueError) as error:
            raise SettingsError(f"the AWS configuration cannot be used: {error}") from error

    @cached_property
    def http(self) -> Any:
        """Fetches presigned URLs, through the same proxy and with the same certificates."""
        from botocore.httpsession import URLLib3Session  # noqa: PLC0415 # an extra
        from botocore.utils import get_environ_proxies  # noqa: PLC0415 # an extra

        bundle = self._session.get_config_variable("ca_bundle")
        endpoint = self.client().meta.endpoint_url
        return URLLib3Session(
            verify=bundle or True,
            proxies=get_environ_proxies(endpoint),
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
        )
