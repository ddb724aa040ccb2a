"""Inception: where it may lie, and its download against a server that misbehaves: a clear error in time."""

import http.server
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation import inception as module
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.inception import InceptionMissingError, inception, local_inception

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 3)), tf.float32)


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


def test_inception_is_found_in_tfhubs_cache_and_loaded_once(tmp_path, save_stand_in, monkeypatch):
    assert local_inception() is None
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "c4be6b55dc0338e82546082d22184ebdc77d76cf"
    save_stand_in(folder, side=299)
    assert local_inception() == str(folder)
    extractor = choose_extractor("auto", examples=None, resolution=8, transform=Transform())
    assert extractor.name == "inception-2015-12-05" and extractor.resize == "tf1-bilinear 299"
    assert inception() is extractor is inception(str(folder))
    assert extractor(IMAGES)[0].shape == (3, 4)


def test_offline_the_message_says_what_to_copy_where(tmp_path, monkeypatch):
    def refuse(handle):
        raise RuntimeError("no route to host")

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tensorflow_hub.resolve", refuse)
    with pytest.raises(InceptionMissingError, match="no route to host") as caught:
        inception()
    assert module.HANDLE in str(caught.value) and f"{tmp_path}/{module.FOLDER}" in str(caught.value)


def test_a_stale_lock_is_named_instead_of_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    (tmp_path / f"{module.FOLDER}.lock").touch()
    with pytest.raises(InceptionMissingError, match=r"\.lock"):
        inception()
