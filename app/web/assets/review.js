// The telephone knows the time. ES5, as app.js.
(function () {
  "use strict";
  var form = document.getElementById("phone");
  if (!form) {
    return;
  }
  var count = document.getElementById("unix_s");
  var text = document.getElementById("phone-time");
  function tick() {
    var now = new Date();
    count.value = Math.floor(now.getTime() / 1000);
    text.textContent = now.toISOString().slice(0, 16).replace("T", " ") + " UTC";
  }
  tick();
  setInterval(tick, 1000);
  form.hidden = false;
}());
