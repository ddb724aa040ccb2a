"""What launch/serve.md says goes over the wire: TensorFlow Serving's own messages, and the client's JSON."""

import base64
import http.server
import importlib.util
import json
import socketserver
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import export
from sagan_tf.interop import saved_model

LAUNCH = Path(__file__).parents[2] / "launch"


@pytest.fixture(scope="module")
def signatures(drawable_run, tmp_path_factory):
    """Those of an export whose passes all have four images, so that each is traced once."""
    out = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_model, "pass_sizes", lambda full: (4,))
        assert export.main([f"--run_dir={drawable_run}", f"--out={out}", "--statistics=moving"]) == 0
    model = tf.saved_model.load(str(out / "1"))
    yield model.signatures
    del model


@pytest.mark.parametrize("name", ["serving_default", "generate", "png", "attention"])
def test_every_signature_takes_and_gives_servings_messages(signatures, name):
    predict = pytest.importorskip("tensorflow_serving.apis.predict_pb2", reason="needs tensorflow-serving-api")
    rows = {
        "z": np.zeros([2, 8], np.float32),
        "seed": np.asarray([5, 2**62], np.int64),
        "label": np.asarray([3, 4], np.int32),
        "truncation": np.asarray([0.5, 1.0], np.float32),
    }
    request = predict.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "gan", name
    inputs = signatures[name].structured_input_signature[1]
    for key, spec in inputs.items():
        assert spec.shape[0] is None, "row format needs the batch first"
        request.inputs[key].CopyFrom(tf.make_tensor_proto(rows[key]))
    received = predict.PredictRequest.FromString(request.SerializeToString())
    outputs = signatures[name](**{key: tf.constant(tf.make_ndarray(p)) for key, p in received.inputs.items()})
    response = predict.PredictResponse()
    for key, value in outputs.items():
        response.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
    sent = predict.PredictResponse.FromString(response.SerializeToString()).outputs
    expected = {
        "serving_default": ("images", tf.float32, [2, 32, 32, 3]),
        "generate": ("images", tf.uint8, [2, 32, 32, 3]),
        "png": ("png_bytes", tf.string, [2]),
        "attention": ("attention_8", tf.float32, [2, 8, 8, 4, 4]),
    }[name]
    ((key, proto),) = sent.items()
    assert (key, proto.dtype, [d.size for d in proto.tensor_shape.dim]) == (expected[0], expected[1], expected[2])


@pytest.fixture
def server(signatures):
    """Answers rows as TensorFlow Serving does: one output bare, bytes as {"b64": ...}, errors with status 400."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            signature = signatures[asked["signature_name"]]
            specs = signature.structured_input_signature[1]
            tensors = {k: tf.constant([row[k] for row in asked["instances"]], s.dtype) for k, s in specs.items()}
            try:
                ((key, value),) = signature(**tensors).items()
                assert self.path == "/v1/models/gan:predict" and key.endswith("_bytes")
                rows = [{"b64": base64.b64encode(file).decode()} for file in value.numpy()]
                self.answer(200, {"predictions": rows})
            except tf.errors.InvalidArgumentError as error:
                self.answer(400, {"error": str(error)})

        def answer(self, status, body):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            """Nothing."""

    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}/v1/models/gan"
    made.shutdown()


@pytest.fixture
def client():
    spec = importlib.util.spec_from_file_location("client", LAUNCH / "client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_client_keeps_a_file_until_an_image_has_arrived(client, tmp_path):
    class Broken(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_error(502, "Bad Gateway")

        def log_message(self, *_):
            """Nothing."""

    out = tmp_path / "out.png"
    out.write_bytes(b"former")
    with http.server.HTTPServer(("127.0.0.1", 0), Broken) as broken:
        threading.Thread(target=broken.serve_forever, daemon=True).start()
        with pytest.raises(SystemExit, match="answered 502 Bad Gateway"):
            client.main([f"http://127.0.0.1:{broken.server_port}/v1/models/gan", "3", "5", str(out)])
        broken.shutdown()
    with pytest.raises(SystemExit, match=r"must be a model of a running server; received .*refused"):
        client.main([f"http://127.0.0.1:{broken.server_port}/v1/models/gan", "3", "5", str(out)])
    for wrong in (
        [],
        ["localhost", "3", "5", str(out)],
        ["http://h", "cat", "5", str(out)],
        ["http://h", "3", "--5", ""],
    ):
        with pytest.raises(SystemExit):
            client.main(wrong)
    assert out.read_bytes() == b"former"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            b"\x00\x00\x18\x04\x00\x00\x00\x00\x00",
            "must be a model of a running server",
        ),  # HTTP/2, of the port for gRPC
        (b'HTTP/1.0 200 OK\r\n\r\n{"outputs": [1]}', "must be an exported generator"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"predictions": [[0.5]]}', "must be an exported generator"),
    ],
)
def test_an_answer_that_is_no_image_is_said(client, answer, said):
    class Other(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(SystemExit, match=said):
            client.png(f"http://127.0.0.1:{other.server_address[1]}/v1/models/gan", 3, 5)
        other.shutdown()


def test_the_client_gets_the_image_or_the_servers_reason(client, signatures, server):
    image = tf.io.decode_png(client.png(server, 3, 5, 0.5)).numpy()
    inputs = {"seed": tf.constant([5], tf.int64), "label": tf.constant([3]), "truncation": tf.constant([0.5])}
    np.testing.assert_array_equal(image, signatures["generate"](**inputs)["images"][0])
    with pytest.raises(SystemExit, match=r"label must be in \[0, 10\)"):
        client.png(server, 10, 5)


def test_the_page_names_every_signature_and_input(signatures):
    page = (LAUNCH / "serve.md").read_text()
    for name, signature in signatures.items():
        assert f"`{name}`" in page
        assert all(f"`{key}`" in page for key in signature.structured_input_signature[1] if key != "label")
