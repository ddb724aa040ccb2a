"""One image from TensorFlow Serving: python launch/client.py http://localhost:8501/v1/models/gan LABEL SEED OUT.png"""

import base64
import json
import sys
import urllib.error
import urllib.request


def png(url: str, label: int, seed: int, truncation: float = 1.0) -> bytes:
    """The PNG file of one image; leaves with the server's own message if it refuses."""
    row = {"label": label, "seed": seed, "truncation": truncation}
    body = json.dumps({"signature_name": "png", "instances": [row]}).encode()
    try:
        with urllib.request.urlopen(f"{url}:predict", body) as answer:
            return base64.b64decode(json.load(answer)["predictions"][0]["b64"])
    except urllib.error.HTTPError as error:
        sys.exit(json.load(error)["error"])


if __name__ == "__main__":
    with open(sys.argv[4], "wb") as file:
        file.write(png(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
