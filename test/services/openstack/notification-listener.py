"""Prints what an oslo.messaging listener gets, as JSON lines: notification-listener.py URL EXCHANGE TOPIC

A line says "listening" first. It ends when its standard input does.
"""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import oslo_messaging
from oslo_config import cfg


class Printer:
    def _print(self, priority, context, publisher_id, event_type, payload, metadata):
        notification = {"priority": priority, "publisher_id": publisher_id, "event_type": event_type, "payload": payload, **metadata}
        print(json.dumps(notification), flush=True)

    def info(self, *notification):
        self._print("INFO", *notification)

    def error(self, *notification):
        self._print("ERROR", *notification)


url, exchange, topic = sys.argv[1:]
config = cfg.ConfigOpts()
config([])
transport = oslo_messaging.get_notification_transport(config, url)
target = oslo_messaging.Target(exchange=exchange, topic=topic)
listener = oslo_messaging.get_notification_listener(transport, [target], [Printer()], executor="threading")
listener.start()
print("listening", flush=True)
sys.stdin.read()
# To leave in good order would take as long as a broker that is away.
os._exit(0)
