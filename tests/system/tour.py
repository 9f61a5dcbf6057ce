"""Takes pictures of every page, at the size of a telephone and of a laptop, in two to four languages.

    cargo run --release -p web --example tour &
    python3 tests/system/tour.py FOLDER

Needs chromium and chromedriver. The pages are those of the example `tour`, with made-up content; the tests in
`tests/it/web` look for overflow, small targets and faint text, this is for people to look at.
"""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

DRIVER = "http://127.0.0.1:9515"
BOX, WITHOUT_MODEL = "http://127.0.0.1:8765", "http://127.0.0.1:8766"
PIN = "482913"
ENDINGS = {"en": "G", "ar": "R", "sw": "W", "fr": "G"}  # of the codes of the tour
VIEWS = [("en", 360, 640), ("ar", 360, 640), ("sw", 360, 640), ("fr", 360, 640), ("en", 1280, 800), ("ar", 1280, 800)]


def scenes(language):
    def code(letter):
        return f"{BOX}/a/{letter * 6}{ENDINGS[language]}"

    return [
        ("01-home", BOX + "/"), ("02-waiting", code("W")),
        ("03-no-model", code("W").replace(BOX, WITHOUT_MODEL)), ("04-writing", code("R")),
        ("05-floor", code("F")), ("06-checked", code("C")), ("07-cached", code("K")), ("08-model", code("M")),
        ("09-weak", code("X")), ("10-no-source", code("N")), ("11-source", f"{BOX}/s/2"),
        ("12-delete", code("M") + "/delete"), ("13-status", BOX + "/status"), ("20-login", BOX + "/review"),
        ("21-list", BOX + "/review"), ("22-item", BOX + "/review/item/q15"),
        ("23-second", BOX + "/review/list/second"), ("24-decided", BOX + "/review/list/decided"),
        ("25-unanswered", BOX + "/review/list/unanswered"), ("26-packs", BOX + "/review/packs"),
        ("27-site", BOX + "/review/site"), ("28-clock", BOX + "/review/clock"), ("29-log", BOX + "/review/log"),
    ]


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(DRIVER + path, data, {"Content-Type": "application/json"}, method=method)
    return json.load(urllib.request.urlopen(request, timeout=120))["value"]


def view(folder, language, width, height):
    options = {"args": ["--headless", "--no-sandbox", f"--window-size={width},{height}"]}
    wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
    session = "/session/" + call("POST", "/session", wanted)["sessionId"]

    def chrome(command, **parameters):
        return call("POST", session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def script(text):
        return call("POST", session + "/execute/sync", {"script": text, "args": []})

    phone = width < 700
    for name, address in scenes(language):
        chrome("Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=phone, deviceScaleFactor=1)
        call("POST", session + "/url", {"url": f"{address}?lang={language}"})
        time.sleep(0.3)
        whole = max(height, script("return document.documentElement.scrollHeight"))
        chrome("Emulation.setDeviceMetricsOverride", width=width, height=whole, mobile=phone, deviceScaleFactor=1)
        picture = chrome("Page.captureScreenshot", format="png")["data"]
        (folder / f"{name}-{language}-{width}.png").write_bytes(base64.b64decode(picture))
        if name == "20-login":
            script(f"document.getElementById('pin').value = '{PIN}';"
                   "document.querySelector('main form button').click()")
            time.sleep(2)
    call("DELETE", session)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    driver = subprocess.Popen(["chromedriver", "--port=9515"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(2)
        for language, width, height in VIEWS:
            view(folder, language, width, height)
    finally:
        driver.terminate()


if __name__ == "__main__":
    main()
