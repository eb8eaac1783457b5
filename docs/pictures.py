"""The manual's pictures of the page: `python docs/pictures.py`, with playwright and chromium.

three_way on four hyperparameters of spirals (a minute or two), photographed light, dark and on a
phone.
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import jaxmeta
from jaxmeta.report import page

HERE = Path(__file__).parent / "pictures"
SPACE = jaxmeta.Space(
    learning_rate=jaxmeta.Log(1e-4, 1.0),
    width=jaxmeta.Values(8, 16, 32, 64),
    optimizer=jaxmeta.Choice("adam", "sgd", "momentum"),
    l2=jaxmeta.Log(1e-6, 1e-2),
)
SHOTS = {  # name: scheme, width, height, and how far down
    "page-light": ("light", 1100, 980, 0),
    "page-dark": ("dark", 1100, 980, 1500),
    "page-phone": ("light", 390, 844, 330),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "spirals"
        jaxmeta.tune(
            "spirals", SPACE, tuner="three_way", epochs=8, i_max=48, out=folder, show=False
        )
        path = page.write(folder)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name in SHOTS:
                shoot(browser, path, name)
            browser.close()


def shoot(browser: Browser, path: Path, name: str) -> None:
    scheme, width, height, down = SHOTS[name]
    tab = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    tab.goto(path.as_uri())
    tab.evaluate("jaxmeta.drawAll().then(() => 0)")
    tab.evaluate(f"scrollTo(0, {down})")
    tab.wait_for_timeout(300)
    tab.screenshot(path=HERE / f"{name}.png")
    tab.close()


if __name__ == "__main__":
    main()
