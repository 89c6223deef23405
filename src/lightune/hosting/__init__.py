"""Many arms held in memory and asked many times: bases shared, adapters beside them."""

from lightune.hosting.host import Ask, Host
from lightune.hosting.hosted import Hosted
from lightune.hosting.opening import open_host

__all__ = ["Ask", "Host", "Hosted", "open_host"]
