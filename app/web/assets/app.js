// What a page gains where JavaScript runs; all of it works without. ES5, so that the browsers of
// cheap phones read it.
(function () {
  "use strict";

  // One tap, one question.
  var form = document.getElementById("ask");
  if (form) {
    form.addEventListener("submit", function () {
      form.querySelector("button").disabled = true;
    });
    // A page that the browser brings back from its memory can be used again.
    window.addEventListener("pageshow", function () {
      form.querySelector("button").disabled = false;
    });
  }

  // On paper, nothing is folded.
  window.addEventListener("beforeprint", function () {
    var folded = document.querySelectorAll("main details");
    for (var i = 0; i < folded.length; i++) {
      folded[i].open = true;
    }
  });

  // The answer, as it is written.
  var stage = document.getElementById("stage");
  if (!stage) {
    return;
  }
  var state = document.getElementById("state");
  var notice = document.getElementById("notice");
  var text = document.getElementById("text");
  var wait = document.getElementById("wait");
  var refresh = stage.getAttribute("data-refresh") * 1000;

  function lookAgainSoon() {
    setTimeout(function () { location.reload(); }, refresh);
  }

  // The server makes the finished page; here it only takes this one's place.
  function finish() {
    var request = new XMLHttpRequest();
    request.onload = function () {
      var page = request.response;
      var fresh = page && page.querySelector && page.querySelector("main");
      if (request.status !== 200 || !fresh || page.getElementById("stage")) {
        lookAgainSoon();
        return;
      }
      var old = document.querySelector("main");
      old.parentNode.replaceChild(document.importNode(fresh, true), old);
      document.title = page.title;
    };
    request.onerror = lookAgainSoon;
    request.open("GET", location.href);
    request.responseType = "document";
    request.send();
  }

  if (!window.EventSource) {
    lookAgainSoon();
    return;
  }
  var source = new EventSource(stage.getAttribute("data-stream"));
  var ended = false;

  function end() {
    ended = true;
    source.close();
    finish();
  }

  // Each connection starts with all that may be seen already.
  source.addEventListener("open", function () { text.textContent = ""; });
  // Advice for danger stands on the page already, unless the page is older than the advice.
  source.addEventListener("floor", function () {
    if (!document.getElementById("floor")) {
      source.close();
      location.reload();
    }
  });
  source.addEventListener("ahead", function (event) {
    var data = JSON.parse(event.data);
    state.textContent = data.message;
    if (data.wait) {
      wait.textContent = data.wait;
      wait.hidden = false;
    }
  });
  source.addEventListener("text", function (event) {
    wait.hidden = true;
    state.textContent = stage.getAttribute("data-writing");
    notice.textContent = stage.getAttribute("data-notice");
    notice.hidden = false;
    text.textContent += JSON.parse(event.data).text;
  });
  source.addEventListener("done", end);
  source.addEventListener("failed", end);
  source.addEventListener("error", function () {
    // A lost connection is opened again by the browser; a refused one is not.
    if (!ended && source.readyState === EventSource.CLOSED) {
      lookAgainSoon();
    }
  });
}());
