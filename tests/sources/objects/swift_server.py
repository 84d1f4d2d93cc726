"""OpenStack Swift with its S3 protocol, all four servers in this process.

Run as ``python swift_server.py FOLDER ACCOUNT:USER SECRET``; it prints the port of the proxy.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

import eventlet  # noqa: E402 # it warns

eventlet.monkey_patch(thread=False)

import eventlet.wsgi  # noqa: E402 # all that follows must find the modules patched
from paste.deploy import loadapp  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402

FILTERS = {
    "catch_errors": "",
    "listing_formats": "",
    "s3api": "s3_acl = false\nauth_pipeline_check = false\nlocation = us-east-1",
    "tempauth": "user_{account}_{user} = {secret} .admin",
    "copy": "",
    "symlink": "",
    "versioned_writes": "allow_object_versioning = true",
}


def main(folder: Path, name: str, secret: str) -> None:
    """Serve until somebody ends this process."""
    account, user = name.split(":")
    (folder / "devices" / "one").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
    utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    utils.validate_hash_conf()
    reload_storage_policies()
    names = ("account", "container", "object", "proxy")
    listening = {name: eventlet.listen(("127.0.0.1", 0)) for name in names}
    shared = (
        f"[DEFAULT]\nswift_dir = {folder}\ndevices = {folder}/devices\nmount_check = false\n"
        "log_level = CRITICAL\n"
    )
    for each in names[:3]:
        where = {"ip": "127.0.0.1", "port": listening[each].getsockname()[1]}
        builder = RingBuilder(1, 1, 0)
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "device": "one", **where})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{each}.ring.gz"))
        (folder / f"{each}.conf").write_text(f"{shared}[app:main]\nuse = egg:swift#{each}\n")
    pages = [f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server"]
    pages += ["[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true"]
    for each, more in FILTERS.items():
        options = more.format(account=account, user=user, secret=secret)
        pages.append(f"[filter:{each}]\nuse = egg:swift#{each}\n{options}")
    (folder / "proxy.conf").write_text(shared + "\n".join(pages) + "\n")
    with open("/dev/null", "w") as log:
        for each, socket in listening.items():
            app = loadapp(f"config:{folder}/{each}.conf", global_conf={"log_name": each})
            eventlet.spawn(eventlet.wsgi.server, socket, app, log=log)
        print(listening["proxy"].getsockname()[1], flush=True)
        eventlet.hubs.get_hub().switch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
