"""Programs and libraries that speak to the doors, as the guides set them up."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import aioclamd
import django
import httpx
import icap
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from guides.examples import blocks
from ports import free_port
from service.conftest import MATCHING, Service, copy_of_list
from service.test_icap import HELD, form

DATA = MATCHING.read_bytes()
TEXT = b"no picture, and more than fits into one buffer of a proxy\n" * 4000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with all doors on loopback."""
    folder = tmp_path_factory.mktemp("all-doors")
    running = Service(
        *("--list", copy_of_list(folder), "--jobs", "1", "--action", "unscanned=reject"),
        *("--http", "127.0.0.1:0", "--icap", "127.0.0.1:0", "--clamd", "127.0.0.1:0"),
        *("--icap-profile", "squid", "--clamd-profile", "rspamd", "--max-bytes", "1M"),
    )
    yield running
    assert running.stop() == 0


@pytest.fixture
def site() -> Iterator[tuple[int, list[bytes]]]:
    """A web server: its port, and the uploads that reached it."""
    uploads: list[bytes] = []

    class Site(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            uploads.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, uploads
    server.shutdown()
    server.server_close()
    thread.join(10)


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A server, once it listens at the port."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            end = time.monotonic() + 60
            while not _listens(port):
                assert process.poll() is None, process.stdout and process.stdout.read()
                assert time.monotonic() < end
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            if process.stdout is not None:
                process.stdout.read()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_of(service: Service, door: str) -> int:
    """The port of a door."""
    return int(service.addresses[door].rpartition(":")[2])


def test_the_icap_client_in_python_knows_what_is_held(service: Service) -> None:
    """Files and streams, with a preview and without, and its options."""
    with icap.IcapClient("127.0.0.1", port_of(service, "icap")) as client:
        assert client.options("avscan").headers["Methods"] == "REQMOD, RESPMOD"
        http = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"
        for data, held in ((DATA, True), (TEXT, False), (b"little", False)):
            for said in (
                client.scan_bytes(data),
                client.scan_stream(BytesIO(data)),
                client.scan_stream(BytesIO(data), chunk_size=1000),
                client.reqmod("avscan", http[0], data),
                client.respmod("avscan", http[0], http[1] + data, preview=1024),
            ):
                assert bool(HELD.fullmatch(said.headers.get("X-Virus-ID", ""))) == held
                assert said.is_no_modification is not held
        assert client.scan_bytes(b"").is_no_modification


def test_the_asyncio_client_of_clamd_knows_what_is_held(service: Service) -> None:
    """It pings and sends streams."""

    async def ask() -> None:
        client = aioclamd.ClamdAsyncClient("127.0.0.1", port_of(service, "clamd"))
        assert await client.ping() == "PONG"
        said = await client.instream(BytesIO(DATA))
        assert said["stream"][0] == "FOUND"
        assert (await client.instream(BytesIO(TEXT)))["stream"] == ("OK", None)

    asyncio.run(ask())


def _has_clamscan() -> bool:
    if shutil.which("node") is None:
        return False
    found = subprocess.run(
        ["node", "-e", "require('clamscan')"], capture_output=True, check=False, env=_node()
    )
    return found.returncode == 0


def _node() -> dict[str, str]:
    """The environment for node, which then finds packages installed with ``npm -g``."""
    folder = Path(shutil.which("node") or "/usr/bin/node").resolve().parents[1]
    return {**os.environ, "NODE_PATH": str(folder / "lib" / "node_modules")}


CLAMSCAN = """
const [port, file] = [Number(process.argv[1]), process.argv[2]];
const clamd = {host: '127.0.0.1', port, localFallback: false, timeout: 20000};
(async () => {
    const scanner = await new (require('clamscan'))().init(
        {clamdscan: clamd, preference: 'clamdscan'});
    const {Readable} = require('stream');
    const said = await scanner.isInfected(file);
    const passed = await scanner.scanStream(Readable.from([Buffer.from('no picture')]));
    console.log(JSON.stringify([said.isInfected, said.viruses, passed.isInfected]));
})();
"""


@pytest.mark.skipif(not _has_clamscan(), reason="there is no clamscan of npm here")
def test_clamscan_of_npm_knows_what_is_held(service: Service) -> None:
    """It sends a file and a stream."""
    command = ["node", "-e", CLAMSCAN, str(port_of(service, "clamd")), str(MATCHING)]
    done = subprocess.run(command, capture_output=True, check=True, env=_node(), timeout=60)
    infected, (name,), other = json.loads(done.stdout)
    assert (infected, other) == (True, False)
    assert HELD.fullmatch(name)


@pytest.mark.skipif(shutil.which("c-icap-client") is None, reason="there is no c-icap-client here")
@pytest.mark.parametrize("how", [[], ["-nopreview"], ["-no204"], ["-w", "10", "-no204"]])
@pytest.mark.parametrize("kind", ["-req", "-resp"])
def test_c_icap_client_gets_the_page_or_its_file(
    service: Service, tmp_path: Path, how: list[str], kind: str
) -> None:
    """A match is replaced by the page; another file comes back as it was, or as unchanged."""
    for name, data in (("held", DATA), ("passed", TEXT)):
        (tmp_path / name).write_bytes(data)
        done = subprocess.run(
            [
                *("c-icap-client", "-i", "127.0.0.1", "-p", str(port_of(service, "icap"))),
                *("-s", "avscan", "-v", "-f", str(tmp_path / name), "-o", str(tmp_path / "out")),
                *(kind, "http://files.example/upload", *how),
            ],
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        written = (tmp_path / "out").read_bytes() if (tmp_path / "out").exists() else None
        if name == "held":
            assert written is not None
            assert written.startswith(b"The file was not accepted.")
            (tmp_path / "out").unlink()
        else:
            assert written in (None, b"", TEXT)


@pytest.mark.skipif(shutil.which("squid") is None, reason="there is no squid here")
def test_uploads_through_squid(service: Service, site: tuple[int, list[bytes]]) -> None:
    """As in its guide: what is held gets the page and does not reach the site, the rest does."""
    ((_, shown),) = [block for block in blocks("guides/squid.md") if block[0] == "squid"]
    port, (site_port, uploads) = free_port(), site
    config = (
        shown.replace("http_port 80 ", f"http_port 127.0.0.1:{port} ")
        .replace("parent 8000", f"parent {site_port}")
        .replace("127.0.0.1:1344", service.addresses["icap"])
    )
    config += "\npid_filename none\naccess_log none\ncache_log /dev/null\npinger_enable off\n"
    config += (
        "icap_preview_enable on\nshutdown_lifetime 0 seconds\nvisible_hostname squid.example\n"
    )
    with _temporary(config) as path, running(["squid", "-N", "-f", str(path)], port):
        alone = httpx.Limits(max_keepalive_connections=0)  # squid may close one it has answered
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, trust_env=False, limits=alone) as client:
            boundary = {"Content-Type": "multipart/form-data; boundary=bound"}
            for body, headers in ((DATA, {}), (form(b"title", DATA), boundary)):
                said = client.post("/upload", content=body, headers=headers)
                assert said.status_code == 403
                assert HELD.search(said.text)
            assert client.post("/upload", content=b"x" * 2_000_000).status_code == 503
            assert uploads == []
            for body in (TEXT, b"little", b""):
                assert client.post("/upload", content=body).status_code == 201
        done = subprocess.run(
            [
                *("curl", "-sS", "--noproxy", "*", "-F", "title=x", "-F", f"file=@{MATCHING}"),
                f"http://127.0.0.1:{port}/upload",
            ],
            capture_output=True,
            check=True,
            timeout=30,
        )
        assert done.stdout.startswith(b"The file was not accepted.")
    assert uploads == [TEXT, b"little", b""]


@contextmanager
def _temporary(text: str) -> Iterator[Path]:
    """A file that the user of a server can read, too."""
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    folder.chmod(0o755)
    path = folder / "server.conf"
    path.write_text(text)
    try:
        yield path
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(shutil.which("rspamd") is None, reason="there is no rspamd here")
def test_mails_through_rspamd(service: Service, tmp_path: Path) -> None:
    """As in its guide: a mail with a match is rejected, a failed scan is refused for now."""
    antivirus, rules = [text for kind, text in blocks("guides/rspamd.md") if kind == "ucl"]
    antivirus = antivirus.replace("127.0.0.1:3310", service.addresses["clamd"])
    (tmp_path / "tld").write_text("com\nexample\n")
    port = free_port()
    (tmp_path / "rspamd.conf").write_text(f"""
        options {{
            filters = ""; pidfile = false; disable_hyperscan = true; url_tld = "{tmp_path}/tld";
            tempdir = "{tmp_path}"; hs_cache_dir = "{tmp_path}";
        }}
        lang_det {{ languages = "{tmp_path}/none"; }}
        logging {{ type = "console"; level = "error"; }}
        lua = "/usr/share/rspamd/rules/rspamd.lua";
        modules {{
            path = "/usr/share/rspamd/plugins/antivirus.lua";
            path = "/usr/share/rspamd/plugins/force_actions.lua";
        }}
        actions {{ reject = 15; add_header = 6; greylist = 4; }}
        worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
        antivirus {{ {antivirus} }}
        force_actions {{ {rules} }}
    """)
    command = ["rspamd", "-f", "-i", "-c", str(tmp_path / "rspamd.conf")]
    with running(command, port), httpx.Client(trust_env=False, timeout=60) as client:

        def action(attachment: bytes) -> tuple[str, list[str]]:
            said = client.post(f"http://127.0.0.1:{port}/checkv2", content=_mail(attachment))
            found = json.loads(said.text)
            return found["action"], [name for name in found["symbols"] if "HASHMATCH" in name]

        assert action(DATA) == ("reject", ["HASHMATCH"])
        assert action(TEXT)[1] == []
        assert action(b"x" * 1_500_000)[0] == "soft reject"


def _mail(attachment: bytes) -> bytes:
    from email.message import EmailMessage  # noqa: PLC0415 # of this test alone

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@files.example", "b@files.example", "A file"
    mail.set_content("See the attachment.")
    mail.add_attachment(attachment, maintype="image", subtype="jpeg", filename="a.jpg")
    return mail.as_bytes()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx here")
@pytest.mark.skipif(
    not Path("/usr/lib/nginx/modules/ngx_http_js_module.so").exists(),
    reason="there is no JavaScript module of nginx here",
)
def test_uploads_through_nginx(
    service: Service, site: tuple[int, list[bytes]], tmp_path: Path
) -> None:
    """As in its guide: only what hashmatch allows reaches the site."""
    shown = dict(blocks("guides/nginx.md"))
    port, (site_port, uploads) = free_port(), site
    script = shown["js"].replace("127.0.0.1:8080", service.addresses["http"])
    (tmp_path / "hashmatch.js").write_text(script)
    server = shown["nginx"].replace("listen 80;", f"listen 127.0.0.1:{port};")
    server = server.replace("127.0.0.1:8000", f"127.0.0.1:{site_port}")
    config = (
        "load_module /usr/lib/nginx/modules/ngx_http_js_module.so;\n"
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off; client_body_temp_path {tmp_path}/body;\n"
        f"proxy_temp_path {tmp_path}/proxy;\njs_path {tmp_path};\n{server}\n}}\n"
    )
    (tmp_path / "nginx.conf").write_text(config)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    with running(["nginx", "-c", str(tmp_path / "nginx.conf")], port), client:
        for body in (DATA, b"", b"x" * 2_000_000):
            assert client.post("/upload", content=body).status_code == 403
        assert uploads == []
        assert client.post("/upload", content=TEXT).status_code == 201
        boundary = {"Content-Type": "multipart/form-data; boundary=bound"}
        for body, status in ((form(TEXT), 201), (form(DATA), 403), (form(TEXT, TEXT), 403)):
            said = client.post("/upload", content=body, headers=boundary)
            assert said.status_code == status
    assert uploads == [TEXT, form(TEXT)]


def test_uploads_to_django_and_fastapi(service: Service, tmp_path: Path) -> None:
    """The code of the guide refuses what hashmatch does not allow, and passes the rest."""
    programs = [text for kind, text in blocks("guides/python.md") if kind == "python"]
    validator, form_class, application = (
        text.replace("127.0.0.1:8080", service.addresses["http"]) for text in programs
    )
    django.conf.settings.configure()
    django.setup()
    names: dict[str, Any] = {}
    exec(validator, names)  # it is the guide's
    exec(form_class, names)  # as above
    picture = BytesIO()
    Image.new("RGB", (64, 48), "red").save(picture, "PNG")
    for data, allowed in ((DATA, False), (picture.getvalue(), True)):
        upload = SimpleUploadedFile("a.jpg", data)
        asked = names["UploadForm"](files={"picture": upload})
        assert asked.is_valid() is allowed
        assert upload.read() == data or not allowed
    names["HASHMATCH"].close()
    path = tmp_path / "guide_application.py"  # annotations are resolved in a module
    path.write_text(application)
    spec = importlib.util.spec_from_file_location("guide_application", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    async def ask() -> None:
        transport = httpx.ASGITransport(app=module.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            for data, status in ((DATA, 403), (picture.getvalue(), 200), (b"", 403)):
                assert (await client.put("/upload", content=data)).status_code == status
        await module.hashmatch.aclose()

    asyncio.run(ask())
