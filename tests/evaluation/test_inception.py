"""Inception's download against a server that misbehaves: a clear error in time, and nothing bad kept."""

import http.server
import threading
import time

import pytest

from sagan_tf.evaluation import inception as module


class Misbehaving(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        getattr(self, self.path.split("/")[1])()

    def captive(self):
        self.reply(b"<html>Please log in</html>")

    def forbidden(self):
        self.send_error(403)

    def short(self):
        self.reply(b"\x1f\x8b\x08\x00" + bytes(100), claimed=10_000)

    def silent(self):
        time.sleep(1)

    def reply(self, body, claimed=None):
        self.send_response(200)
        self.send_header("Content-Length", str(claimed or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Keeps the test's output clean."""


@pytest.fixture
def server():
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()


@pytest.mark.parametrize("fault", ["captive", "forbidden", "short", "silent"])
def test_a_failed_download_says_what_to_copy_where_and_keeps_nothing(fault, server, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    monkeypatch.setattr(module, "HANDLE", f"{server}/{fault}/module/1")
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.3)
    with pytest.raises(module.InceptionMissingError, match="Copy the unpacked module") as caught:
        module.inception()
    assert f"{tmp_path}/hub/{module.FOLDER}" in str(caught.value)
    assert not list((tmp_path / "hub").iterdir())
