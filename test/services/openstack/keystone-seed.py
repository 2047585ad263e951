"""Brings a Keystone to the state of a seed file; doing so again changes nothing.

keystone-seed.py SEED.json IDS.json

The password of the user NAME is NAME-secret. Environment: KEYSTONE_URL, KEYSTONE_ADMIN_PASSWORD, and KEYSTONE_ENDPOINTS ("TYPE=URL ...",
put into the catalogue for every interface). IDS.json gets the ids of projects, roles and users by name.
"""

import json
import os
import sys
import urllib.request


class Keystone:
    def __init__(self, url, password):
        self.url = url
        self.headers = {"Content-Type": "application/json"}
        user = {"name": "admin", "domain": {"id": "default"}, "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        headers, _ = self.call("POST", "/auth/tokens?nocatalog", {"auth": {"identity": identity, "scope": scope}})
        self.headers["X-Auth-Token"] = headers["X-Subject-Token"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None

    def all(self, kind):
        """By name; services by type, which is what the catalogue goes by."""
        _, answer = self.call("GET", "/%ss" % kind)
        return {one.get("type" if kind == "service" else "name"): one["id"] for one in answer[kind + "s"]}

    def ensure(self, kind, known, name, attributes):
        if name not in known:
            _, made = self.call("POST", "/%ss" % kind, {kind: attributes})
            known[name] = made[kind]["id"]
        return known[name]


def seed(keystone, content):
    ids = {kind + "s": keystone.all(kind) for kind in ("project", "role", "user")}
    for name in content["projects"]:
        keystone.ensure("project", ids["projects"], name, {"name": name, "domain_id": "default"})
    for name in content["roles"]:
        keystone.ensure("role", ids["roles"], name, {"name": name})
    for name, grants in content["users"].items():
        if name in ids["users"]:
            continue
        user = {"name": name, "domain_id": "default", "password": name + "-secret"}
        user_id = keystone.ensure("user", ids["users"], name, user)
        for project, roles in grants.items():
            for role in roles:
                path = "/projects/%s/users/%s/roles/%s"
                keystone.call("PUT", path % (ids["projects"][project], user_id, ids["roles"][role]))
    return ids


def catalogue(keystone, endpoints):
    services = keystone.all("service")
    _, answer = keystone.call("GET", "/endpoints")
    known = {(one["service_id"], one["interface"]): one for one in answer["endpoints"]}
    for kind, url in (endpoint.split("=", 1) for endpoint in endpoints):
        service_id = keystone.ensure("service", services, kind, {"type": kind, "name": kind})
        for interface in ("public", "internal", "admin"):
            endpoint = {"service_id": service_id, "interface": interface, "url": url, "region_id": "RegionOne"}
            one = known.get((service_id, interface))
            if one is None:
                keystone.call("POST", "/endpoints", {"endpoint": endpoint})
            elif one["url"] != url:
                keystone.call("PATCH", "/endpoints/" + one["id"], {"endpoint": {"url": url}})


def main(seed_file, ids_file):
    keystone = Keystone(os.environ["KEYSTONE_URL"], os.environ["KEYSTONE_ADMIN_PASSWORD"])
    with open(seed_file) as stream:
        ids = seed(keystone, json.load(stream))
    catalogue(keystone, os.environ.get("KEYSTONE_ENDPOINTS", "").split())
    with open(ids_file, "w") as stream:
        json.dump(ids, stream, indent=2)


main(*sys.argv[1:])
