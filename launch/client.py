"""One image from TensorFlow Serving: python launch/client.py http://localhost:8501/v1/models/gan LABEL SEED OUT.png"""

import base64
import contextlib
import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 600  # a first request may wait until the server has loaded and compiled the model


def png(url: str, label: int, seed: int, truncation: float = 1.0) -> bytes:
    """The PNG file of one image; leaves with the server's own message if it refuses, or with why it can't be asked."""
    row = {"label": label, "seed": seed, "truncation": truncation}
    body = json.dumps({"signature_name": "png", "instances": [row]}).encode()
    try:
        with urllib.request.urlopen(f"{url}:predict", body, timeout=SECONDS) as answer:
            found = json.load(answer)
        return base64.b64decode(found["predictions"][0]["b64"])
    except urllib.error.HTTPError as error:
        said = error.read()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(said)["error"]
        sys.exit(f"{said}" if isinstance(said, str) else f"{url} answered {error.code} {error.reason}.")
    except (KeyError, IndexError, TypeError):
        sys.exit(f"{url} must be an exported generator; received an answer without an image.")
    except (OSError, ValueError, http.client.HTTPException) as error:  # the latter from a port of another protocol
        sys.exit(f"{url} must be a model of a running server; received {getattr(error, 'reason', error)}.")


def main(arguments: list[str]) -> None:
    """Writes OUT.png once the image has arrived, so that a refusal leaves a former file as it is."""
    if len(arguments) != 4 or not all(number.removeprefix("-").isdecimal() for number in arguments[1:3]):
        sys.exit(__doc__)
    url, label, seed, out = arguments
    image = png(url, int(label), int(seed))
    Path(out).write_bytes(image)


if __name__ == "__main__":
    main(sys.argv[1:])
