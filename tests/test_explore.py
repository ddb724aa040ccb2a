"""The explorer: what it shows, and the page driven by a browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

from sagan_tf import explore
from sagan_tf.runs.scene import Place, Stage, enlarged, looked_from
from sagan_tf.runs.trained import TrainedModel

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def stage(tiny_run):
    return Stage(TrainedModel(tiny_run))


def test_the_ends_are_the_images_of_their_classes_and_seeds(stage):
    first, second = stage.model.images([1, 5], seeds=[7, 9])
    for position, image in ((0.0, first), (1.0, second)):
        scene = stage.scene(Place(classes=(1, 5), seeds=(7, 9), position=position))
        assert np.abs(scene.image.astype(int) - image).max() <= 1
    assert list(scene.maps) == list(stage.layers) == ["generator.attention_8", "discriminator.attention_8"]
    middle = stage.scene(Place(classes=(1, 5), seeds=(7, 9), position=0.5)).image
    assert (middle != first).any() and (middle != second).any()


def test_a_threshold_cuts_z(stage):
    cut = stage.scene(Place(classes=(1, 1), seeds=(7, 9), threshold=0.5)).image
    moving = TrainedModel(stage.model.run.path, statistics="moving")
    assert np.abs(cut.astype(int) - moving.images([1], seeds=[7], truncation=0.5)[0]).max() <= 1


def test_a_look_is_darkest_where_the_point_attends(stage):
    scene = stage.scene(Place(classes=(1, 5), seeds=(7, 9)))
    weights = np.zeros((8, 8, 4, 4), np.float32)
    weights[..., 0, 0] = 1
    weights[2, 4] = np.eye(16, dtype=np.float32)[15].reshape(4, 4)
    scene = type(scene)(image=np.full((32, 32, 3), 255, np.uint8), maps={"layer": weights})
    for point, (y, x) in (((0, 0), (16, 16)), ((16, 8), (240, 240)), ((19, 11), (240, 240))):
        drawn, area = looked_from(scene, "layer", point)
        drawn = np.asarray(drawn)
        assert 0.01 < area < 0.1
        assert drawn.shape == (256, 256, 3)
        assert tuple(drawn[y, x]) == (219, 118, 38) and tuple(drawn[255 - y, 255 - x]) == (255, 255, 255)


def test_a_uniform_look_is_blank(stage):
    scene = stage.scene(Place(classes=(1, 5), seeds=(7, 9)))
    maps = {"layer": np.full((8, 8, 4, 4), 1 / 16, np.float32)}
    drawn, area = looked_from(type(scene)(image=np.full((32, 32, 3), 255, np.uint8), maps=maps), "layer", (3, 3))
    assert area == 0.5 and (np.asarray(drawn) == 255).all()


def test_small_images_are_enlarged_pixel_by_pixel():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = np.asarray(enlarged(image, 5))
    assert large.shape == (4, 4, 3)
    np.testing.assert_array_equal(large[::2, ::2], image)
    assert enlarged(np.zeros((8, 8, 3), np.uint8), 5).size == (8, 8)


def test_a_taken_port_is_said(stage):
    pytest.importorskip("nicegui", reason="the explorer's library is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"received --host=127.0.0.1 --port={port}"):
            explore.serve(stage, host="127.0.0.1", port=port, show=False)


def test_the_missing_library_is_named(stage, monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(RuntimeError, match=r"pip install 'sagan_tf\[explore\]'"):
        explore.serve(stage, host="127.0.0.1", port=0, show=False)


def test_no_run_is_said(tmp_path, capsys):
    assert explore.main([f"--run_dir={tmp_path}"]) == 2
    assert "must be a run's directory" in capsys.readouterr().err


def answers(address):
    try:
        with urlopen(address, timeout=60) as answer:
            return answer.status == 200
    except URLError:
        return False


@pytest.fixture
def address(tiny_run, tmp_path):
    """The page served by a process of its own, which Ctrl-C ends without a word."""
    pytest.importorskip("nicegui", reason="the explorer's library is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    command = [sys.executable, "-m", "sagan_tf.explore", f"--run_dir={tiny_run}", f"--port={port}", "--no-browser"]
    log = tmp_path / "log"
    with log.open("w") as screen:
        process = subprocess.Popen(command, env=environment, stdout=screen, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 180
        while not answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text() and f"http://127.0.0.1:{port}" in log.read_text()


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if BROWSER is None or DRIVER is None:
        pytest.skip("no chromium with chromedriver on this machine")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    # Nothing but this machine can be reached: the page must need nothing else.
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--window-size=1280,900", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"):  # fmt: skip
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def test_choose_move_click_and_the_map_changes(browser, address):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(address)

    def source(look):
        found = browser.find_elements(By.CSS_SELECTOR, f'[data-look="{look}"] img')
        return found[0].get_attribute("src") if found else ""

    def shown():
        return {look: source(look) for look in ("image", "generator.attention_8", "discriminator.attention_8")}

    def changed_by(action, *looks):
        before = shown()
        action()
        WebDriverWait(browser, 60).until(lambda _: all(shown()[look] != before[look] for look in looks))
        return before, shown()

    WebDriverWait(browser, 60).until(lambda _: all(s.startswith("data:image/png") for s in shown().values()))

    def choose():
        browser.find_elements(By.CSS_SELECTOR, ".q-select")[0].click()
        options = WebDriverWait(browser, 30).until(
            lambda b: [e for e in b.find_elements(By.CSS_SELECTOR, ".q-item") if e.text == "rings"]
        )
        options[0].click()

    changed_by(choose, "image", "generator.attention_8")
    slider = browser.find_elements(By.CSS_SELECTOR, ".q-slider")[0]
    middle = ActionChains(browser).move_to_element(slider).click()
    changed_by(middle.perform, "image", "generator.attention_8")

    image = browser.find_element(By.CSS_SELECTOR, '[data-look="image"]')
    corner = ActionChains(browser).move_to_element_with_offset(image, -200, -200).click()
    before, after = changed_by(corner.perform, "generator.attention_8", "discriminator.attention_8")
    assert before["image"] == after["image"]
    assert browser.find_element(By.CSS_SELECTOR, '[data-look="said"]').text == "pixel 1, 1"
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe, severe
