"""The explorer: what it shows, and the page driven by a browser."""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace
from unittest.mock import MagicMock
from urllib.error import URLError
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from sagan_tf import explore
from sagan_tf.runs import explorer_page, explorer_server
from sagan_tf.runs.explorer import ExplorerModel, LatentPoint, attention_from, enlarged, tiled
from sagan_tf.runs.explorer_link import PageState, default_state, file_name, query_of, state_of
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel


@pytest.fixture(scope="module")
def explorer(tiny_run):
    return ExplorerModel(TrainedModel(tiny_run))


def test_the_ends_are_the_images_of_their_classes_and_seeds(explorer):
    first, second = explorer.model.images([1, 5], seeds=[7, 9])
    for position, image in ((0.0, first), (1.0, second)):
        view = explorer.view(LatentPoint(classes=(1, 5), seeds=(7, 9), position=position))
        assert np.abs(view.image.astype(int) - image).max() <= 1
    assert list(view.maps) == list(explorer.layers) == ["generator.attention_8", "discriminator.attention_8"]
    middle = explorer.view(LatentPoint(classes=(1, 5), seeds=(7, 9), position=0.5)).image
    assert (middle != first).any() and (middle != second).any()


def test_a_threshold_truncates_z(explorer):
    cut = explorer.view(LatentPoint(classes=(1, 1), seeds=(7, 9), threshold=0.5)).image
    moving = TrainedModel(explorer.model.run.path, statistics="moving")
    assert np.abs(cut.astype(int) - moving.images([1], seeds=[7], truncation=0.5)[0]).max() <= 1


def test_a_map_is_darkest_where_the_point_attends(explorer):
    view = explorer.view(LatentPoint(classes=(1, 5), seeds=(7, 9)))
    weights = np.zeros((8, 8, 4, 4), np.float32)
    weights[..., 0, 0] = 1
    weights[2, 4] = np.eye(16, dtype=np.float32)[15].reshape(4, 4)
    view = type(view)(image=np.full((32, 32, 3), 255, np.uint8), maps={"layer": weights})
    for point, (y, x) in (((0, 0), (16, 16)), ((16, 8), (240, 240)), ((19, 11), (240, 240))):
        drawn, area = attention_from(view, "layer", point)
        drawn = np.asarray(drawn)
        assert 0.01 < area < 0.1
        assert drawn.shape == (256, 256, 3)
        assert tuple(drawn[y, x]) == (219, 118, 38) and tuple(drawn[255 - y, 255 - x]) == (255, 255, 255)


def test_a_uniform_map_is_blank(explorer):
    view = explorer.view(LatentPoint(classes=(1, 5), seeds=(7, 9)))
    maps = {"layer": np.full((8, 8, 4, 4), 1 / 16, np.float32)}
    drawn, area = attention_from(type(view)(image=np.full((32, 32, 3), 255, np.uint8), maps=maps), "layer", (3, 3))
    assert area == 1 and (np.asarray(drawn) == 255).all()


def test_small_images_are_enlarged_pixel_by_pixel():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = np.asarray(enlarged(image, 5))
    assert large.shape == (4, 4, 3)
    np.testing.assert_array_equal(large[::2, ::2], image)
    assert enlarged(np.zeros((8, 8, 3), np.uint8), 5).size == (8, 8)


def test_samples_to_choose_from_are_the_views_of_their_seeds(explorer):
    found = explorer.samples(5, range(7, 11), 0.5)
    assert found.shape == (4, 32, 32, 3)
    for image, seed in zip(found, range(7, 11), strict=True):
        view = explorer.view(LatentPoint(classes=(5, 5), seeds=(seed, seed), threshold=0.5))
        assert np.abs(image.astype(int) - view.image).max() <= 1


def test_tiles_lie_in_rows():
    images = np.arange(4, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2).repeat(3, 3)
    np.testing.assert_array_equal(tiled(images, 2)[..., 0], [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2)


NAMES = ("cat", "a&b=c", "猫", "1")
STATES = [
    default_state(4, 32),
    PageState(latent=LatentPoint(classes=(1, 2), seeds=(2**53 - 1, 0), position=0.25, threshold=0.04), point=(0, 31)),
    PageState(latent=LatentPoint(classes=(3, 3), seeds=(5, 5), position=1.0), point=(31, 0)),
]


@pytest.mark.parametrize("state", STATES)
def test_a_link_restores_its_state(state):
    query = query_of(state, NAMES)
    assert query.isascii()
    assert state_of(dict(parse_qsl(query, strict_parsing=True)), NAMES, 32) == state


def test_a_link_may_leave_out_what_is_as_at_the_start():
    assert state_of({}, NAMES, 32) == default_state(4, 32)
    of_cat = state_of({"class": "cat", "x": "3"}, NAMES, 32)
    assert of_cat.latent.classes == (0, 1) and of_cat.point == (3, 16)
    assert state_of({"class": "1"}, NAMES, 32).latent.classes[0] == 3, "a class named 1 goes before the index"
    assert state_of({"class": "2"}, NAMES, 32).latent.classes[0] == 2
    assert default_state(1, 32).latent.classes == (0, 0)


@pytest.mark.parametrize(
    "query, said",
    [
        ({"class": "dog"}, "class in the link: classes must be names or indices.*'dog'"),
        ({"seed": "-1"}, "seed must be an integer from 0 .*received seed='-1'"),
        ({"seed2": "1.5"}, "seed2 must be an integer"),
        ({"position": "2"}, "position must be a number from 0 to 1"),
        ({"position": "nan"}, "position must be a number"),
        ({"truncation": "0"}, "truncation must be a number from 0.04 to 2"),
        ({"x": "32"}, "x must be an integer from 0 to 31"),
        ({"colour": "red"}, "a link must contain only class, seed, .*; received colour"),
    ],
)
def test_a_wrong_link_is_explained(query, said):
    with pytest.raises(ValueError, match=said):
        state_of(query, NAMES, 32)


@pytest.mark.parametrize(
    ("published", "latent", "largest", "said"),
    [
        (None, "normal", 2.0, "truncation must be a number from 0.04 to 2.0; received truncation='2.5' in the link"),
        (
            SimpleNamespace(largest=1.0),
            "normal",
            1.0,
            "a number from 0.04 to 1.0; received truncation='2.5' in",
        ),
        (None, "bernoulli", None, "truncation must be left out of the link, .* received truncation='2.5'"),
    ],
)
def test_a_link_truncates_only_as_far_as_the_run_can(published, latent, largest, said):
    explorer = ExplorerModel.__new__(ExplorerModel)
    explorer.model = SimpleNamespace(published=published, latent=latent)
    assert explorer.largest_threshold == largest
    with pytest.raises(ValueError, match=said):
        state_of({"truncation": "2.5"}, NAMES, 32, largest_threshold=largest)
    if largest:
        assert state_of({"truncation": str(largest)}, NAMES, 32, largest_threshold=largest).latent.threshold == largest


def test_a_run_of_batch_statistics_is_shown_with_standing_ones(tiny_run, tmp_path, monkeypatch):
    run = RunDirectory(shutil.copytree(tiny_run, tmp_path / "run"))
    settings = run.experiment()
    spec = dataclasses.replace(settings.spec, inference_statistics="batch")
    monkeypatch.setattr(run, "experiment", lambda: dataclasses.replace(settings, spec=spec))
    explorer = ExplorerModel(TrainedModel(run, standing_passes=2))
    assert explorer.statistics == "standing"
    (expected,) = TrainedModel(run, standing_passes=2, statistics="standing").images([1], seeds=[7])
    view = explorer.view(LatentPoint(classes=(1, 5), seeds=(7, 9)))
    assert np.abs(view.image.astype(int) - expected).max() <= 1


def test_a_saved_image_has_a_name_that_tells_it_and_that_any_disk_takes():
    assert [file_name(state, NAMES) for state in STATES] == [
        "cat_0.png",
        f"a_b_c_{2**53 - 1}_to_猫_0_at_0.25_truncated_0.04.png",
        "1_5.png",
    ]
    longest = dataclasses.replace(STATES[1].latent, seeds=(2**53 - 1,) * 2, position=1 / 3)
    assert len(file_name(PageState(latent=longest, point=(0, 0)), ("猫" * 99,) * 4).encode()) <= 255


def test_a_taken_port_is_said(explorer):
    pytest.importorskip("nicegui", reason="the explorer's library is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"received --host=127.0.0.1 --port={port}"):
            explorer_server.serve(explorer, host="127.0.0.1", port=port, show=False)


def test_hosts_of_both_kinds_are_taken_and_port_0_is_a_free_one():
    port = explorer_server.check_address("127.0.0.1", 0)
    assert port > 0 and explorer_server.check_address("127.0.0.1", port) == port
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        assert explorer_server.check_address("::1", 0) > 0
        with pytest.raises(RuntimeError, match="received --host=::1"):
            explorer_server.check_address("::1", six.getsockname()[1])


def test_an_address_of_a_kind_that_the_machine_lacks_is_passed_over(monkeypatch):
    four = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))
    lacking = [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("192.0.2.1", 0)),  # RFC 5737: of no machine
        (socket.AF_APPLETALK, socket.SOCK_STREAM, 0, "", ("::1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [lacking[0], four, lacking[1]])
    assert explorer_server.check_address("localhost", 0) > 0
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: lacking)
    with pytest.raises(RuntimeError, match="received --host=localhost --port=0"):
        explorer_server.check_address("localhost", 0)


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70000), ("127.0.0.1", -1), ("no.host.invalid", 0), ("a" * 99, 0)]
)
def test_what_is_no_address_is_refused(host, port):
    with pytest.raises(RuntimeError, match=f"received --host={host} --port={port}: .*Choose another --host or --port"):
        explorer_server.check_address(host, port)


class Field:
    """A control of the page with its value."""

    def __init__(self, value):
        self.value = value


def page_of(explorer, *, seeds=(7, 9)):
    """The page's logic without a browser."""
    page = explorer_page.Page.__new__(explorer_page.Page)
    page._ui, page._run, page._explorer, page._point = MagicMock(), MagicMock(), explorer, (3, 4)
    page._classes, page._seeds = [Field(1), Field(5)], [Field(seed) for seed in seeds]
    page._position, page._cuts, page._threshold = Field(0), Field(False), Field(1)
    page._shown, page._busy, page._again, page._maps, page._image, page._pixel = (
        None, False, False, {}, MagicMock(), MagicMock()
    )  # fmt: skip
    return page


def test_the_saved_image_is_named_by_what_it_shows_and_not_by_what_is_being_computed(explorer):
    page = page_of(explorer)
    page._save()
    page._show_point()
    assert page._ui.notify.called and not page._ui.download.content.called, "there is no image yet"

    async def view(function, latent):
        return function(latent)

    page._run.io_bound = view
    asyncio.run(page.refresh())
    page._seeds[0].value = 8
    page._save()
    assert page._ui.download.content.call_args[0][1] == f"{explorer.model.class_names[1]}_7.png"


def test_of_two_grids_that_are_requested_at_once_the_last_is_shown_and_chosen_from(explorer):
    page = page_of(explorer)
    page._grid, page._grid_caption, page._dialog = MagicMock(), MagicMock(), MagicMock()
    first_may_end, drawn = asyncio.Event(), []

    async def samples(function, label, seeds, threshold):
        if not drawn.append(seeds[0]) and len(drawn) == 1:
            await first_may_end.wait()
        return np.zeros((16, 32, 32, 3), np.uint8)

    async def twice():
        page._run.io_bound = samples
        slow = asyncio.create_task(page._open_grid())
        await asyncio.sleep(0)
        await page._next_grid()
        first_may_end.set()
        await slow

    asyncio.run(twice())
    assert drawn == [0, 16] and page._first == 16
    page._grid_caption.set_text.assert_called_once()
    assert "seeds 16 to 31" in page._grid_caption.set_text.call_args[0][0]


def test_a_choice_that_is_made_while_another_is_refused_is_shown(explorer):
    page = page_of(explorer)

    async def view(function, latent):
        if latent.seeds[0] == 7:
            page._seeds[0].value = 8
            await page.refresh()
            raise ValueError("refused")
        return function(latent)

    page._run.io_bound = view
    asyncio.run(page.refresh())
    assert page._ui.notify.called and page._shown_latent.seeds[0] == 8


@pytest.mark.parametrize(("value", "seed"), [(None, 0), (-5, 0), (1e30, 2**53 - 1), (12.0, 12)])
def test_a_typed_seed_is_one_that_links_take(explorer, value, seed):
    assert page_of(explorer, seeds=(value, 0))._state().latent.seeds[0] == seed


def test_the_missing_library_is_named(explorer, monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(RuntimeError, match=r"pip install 'sagan_tf\[explore\]'"):
        explorer_server.serve(explorer, host="127.0.0.1", port=0, show=False)


def test_no_run_is_said(tmp_path, capsys):
    assert explore.main([f"--run_dir={tmp_path}"]) == 2
    assert "must be a run's directory" in capsys.readouterr().err


def answers(address):
    try:
        with urlopen(address, timeout=60) as answer:
            return answer.status == 200
    except URLError:
        return False


@pytest.fixture(scope="module")
def address(tiny_run, tmp_path_factory):
    """The page served by a process of its own, which Ctrl-C ends without a word."""
    pytest.importorskip("nicegui", reason="the explorer's library is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    command = [sys.executable, "-m", "sagan_tf.explore", f"--run_dir={tiny_run}", f"--port={port}", "--no-browser"]
    log = tmp_path_factory.mktemp("explore") / "log"
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


def test_choose_move_click_and_the_map_changes(browser, address):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(address)

    def source(name):
        found = browser.find_elements(By.CSS_SELECTOR, f'[data-show="{name}"] img')
        return found[0].get_attribute("src") if found else ""

    def shown():
        return {name: source(name) for name in ("image", "generator.attention_8", "discriminator.attention_8")}

    def changed_by(action, *names):
        before = shown()
        action()
        WebDriverWait(browser, 60).until(lambda _: all(shown()[name] != before[name] for name in names))
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

    image = browser.find_element(By.CSS_SELECTOR, '[data-show="image"]')
    corner = ActionChains(browser).move_to_element_with_offset(image, -200, -200).click()
    before, after = changed_by(corner.perform, "generator.attention_8", "discriminator.attention_8")
    assert before["image"] == after["image"]
    assert browser.find_element(By.CSS_SELECTOR, '[data-show="pixel"]').text == "pixel 1, 1"
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe, severe


def test_a_link_beyond_what_is_allowed_is_explained_on_the_page(browser, address):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(address + "/?class=rings&truncation=9")
    said = WebDriverWait(browser, 60).until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".q-notification"))[0].text
    assert "truncation must be a number from 0.04 to 2.0; received truncation='9' in the link" in said
    WebDriverWait(browser, 60).until(lambda _: "x=16" in browser.current_url)
    assert "class=stripes" in browser.current_url and "truncation" not in browser.current_url


def test_save_random_grid_and_a_link_that_restores_them_on_a_narrow_screen(browser, address, tmp_path):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def soon(condition):
        return WebDriverWait(browser, 60).until(lambda _: condition())

    def one(name):
        return browser.find_element(By.CSS_SELECTOR, f'[data-show="{name}"]')

    def query():
        return dict(parse_qsl(urlsplit(browser.current_url).query))

    def overflow():
        return browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")

    narrow = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Page.setDownloadBehavior", downloads)
    browser.get(address + "/?class=rings&seed=7&class2=eyes&seed2=9&position=0.25&truncation=0.5&x=31&y=2")
    start = {"class": "rings", "seed": "7", "class2": "eyes", "seed2": "9", "position": "0.25", "truncation": "0.5"}
    soon(lambda: one("pixel").text == "pixel 31, 2" and query() == start | {"x": "31", "y": "2"})
    assert overflow() <= 0

    browser.find_element(By.XPATH, "//button[contains(., 'Save PNG')]").click()
    soon(lambda: (tmp_path / "rings_7_to_eyes_9_at_0.25_truncated_0.5.png").exists())

    one("random1").click()
    soon(lambda: query()["seed2"] != "9")

    one("choose").click()
    soon(lambda: one("grid").find_elements(By.TAG_NAME, "img") and one("grid").size["height"] > 100)
    width = one("grid").size["width"]
    assert overflow() <= 0 and width <= 420
    time.sleep(0.5)  # The dialog slides in.
    ActionChains(browser).move_to_element_with_offset(
        one("grid"), round(width / 8), -round(width / 8)
    ).click().perform()
    soon(lambda: query()["seed"] == "6")
    assert query()["position"] == "0", "the chosen sample itself is shown"

    link, before = browser.current_url, one("image").find_element(By.TAG_NAME, "img").get_attribute("src")
    browser.get("about:blank")
    browser.get(link)
    soon(lambda: one("image").find_element(By.TAG_NAME, "img").get_attribute("src") == before)
    assert browser.current_url == link
