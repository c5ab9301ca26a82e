"""The event stream on Kafka: for influxes beyond what a database inbox should carry.

One topic per residency, keyed by resource, so that the events of one resource stay in their order. The message is
the event's inbox row: its encrypted body is the value, the rest stands in a header. Offsets are committed after the
database transaction that records the events; that transaction also remembers each event's id, so that an event
which Kafka delivers twice is recorded and counted once.

What cannot be recorded at the first try waits in the SQL inbox until it is due, where `connectors jobs` lists it:
a poisonous or throttled event never holds up the partition behind it. Dead letters stand there too, and in the
topic `<topic>.dead` for other tools.
"""

from connectors.work.kafka.options import require
from connectors.work.kafka.publisher import Publisher
from connectors.work.kafka.sink import KafkaSink
from connectors.work.kafka.stream import AsideStream, KafkaStream

__all__ = ["AsideStream", "KafkaSink", "KafkaStream", "Publisher", "require"]
