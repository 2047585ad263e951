"""Swift's cache of tokens and containers in the proxy's own memory, for a proxy that is one process: no memcached is needed."""
import time


class Cache:
    def __init__(self):
        self.entries = {}

    def get(self, key, raise_on_error=False):
        value, until = self.entries.get(key, (None, None))
        if until is not None and until < time.time():
            del self.entries[key]
            return None
        return value

    # Of `serialize` and the like: what is kept in memory needs none of it.
    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.entries[key] = (value, end_of(time))

    def incr(self, key, delta=1, time=0):
        value = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -delta, time)

    def delete(self, key, server_key=None):
        self.entries.pop(key, None)

    def set_multi(self, mapping, server_key, serialize=True, time=0, min_compress_len=0):
        for key, value in mapping.items():
            self.set((server_key, key), value, time=time)

    def get_multi(self, keys, server_key):
        return [self.get((server_key, key)) for key in keys]


def end_of(seconds):
    return time.time() + seconds if seconds and seconds > 0 else None


def filter_factory(global_conf, **local_conf):
    cache = Cache()

    def add_cache(app):
        def call(env, start_response):
            env["swift.cache"] = cache
            return app(env, start_response)

        return call

    return add_cache
