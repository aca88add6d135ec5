"""Market data of Zerodha: as it comes, and asked for."""

from holdfast.telemetry.channels import Channel, join

join(Channel.MARKET, __name__)
