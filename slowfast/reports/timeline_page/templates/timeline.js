"use strict";
(() => {
  const { chart, end, films } = JSON.parse(document.getElementById("data").textContent);
  const place = document.getElementById("chart"), line = document.getElementById("now");
  const position = document.getElementById("position"), player = document.getElementById("player");
  const rows = [...document.querySelectorAll("#events tr")];
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  let now = 0, plays = false;

  function clock(seconds) {
    const tenths = Math.round(seconds * 10), two = (number) => String(number).padStart(2, "0");
    const [hours, minutes, rest] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, Math.floor(tenths / 10) % 60];
    return `${hours}:${two(minutes)}:${two(rest)}.${tenths % 10}`;
  }

  function move(seconds) {
    now = Math.min(Math.max(seconds, 0), end);
    position.value = now;
    position.setAttribute("aria-valuetext", clock(now));
    document.getElementById("clock").textContent = clock(now);
    drawLine();
  }

  function show(seconds) {
    move(seconds);
    for (const row of rows) {
      const within = Number(row.dataset.start) <= now && now < Number(row.dataset.end);
      if (within) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  function seek(seconds) {
    show(seconds);
    if (plays) player.currentTime = now;
  }

  // The parts of the chart on which plotly feels the mouse are exactly what lies between its axes.
  function area() {
    const parts = [...place.querySelectorAll(".nsewdrag")].map((part) => part.getBoundingClientRect());
    const top = Math.min(...parts.map((part) => part.top)), bottom = Math.max(...parts.map((part) => part.bottom));
    return parts.length ? { left: parts[0].left, width: parts[0].width, top, bottom } : null;
  }

  function drawLine() {
    const inside = area();
    if (inside === null) return;
    const [from, to] = place.layout.xaxis.range, share = (now - from) / (to - from);
    const around = line.parentElement.getBoundingClientRect();
    line.hidden = share < 0 || share > 1;
    line.style.left = `${inside.left - around.left + share * inside.width}px`;
    line.style.top = `${inside.top - around.top}px`;
    line.style.height = `${inside.bottom - inside.top}px`;
  }

  // Plotly has no axis of hours, minutes and seconds, so its ticks are written here.
  function ticks([from, to]) {
    const step = STEPS.find((length) => (to - from) / length <= 10) ?? Math.ceil((to - from) / 864000) * 86400;
    const tickvals = [];
    for (let number = Math.ceil(from / step - 1e-9); number * step <= to + 1e-9; number++) tickvals.push(number * step);
    const text = (second) => (step < 1 ? clock(second) : clock(second).slice(0, -2));
    return { tickvals, ticktext: tickvals.map(text), tickmode: "array" };
  }

  function zoomed(change) {
    if (change["xaxis.autorange"]) Plotly.relayout(place, { "xaxis.range": [0, end], "xaxis.autorange": false });
    else if (Object.keys(change).some((key) => key.startsWith("xaxis.range"))) {
      const { tickvals, ticktext } = ticks(place.layout.xaxis.range);
      Plotly.relayout(place, { "xaxis.tickvals": tickvals, "xaxis.ticktext": ticktext });
    }
    drawLine();
  }

  // A press that ends where it began is a click; plotly takes the others for its own.
  let pressed = null;
  place.addEventListener("mousedown", (event) => { pressed = event.button === 0 ? event : null; }, true);
  window.addEventListener("mouseup", (event) => {
    const inside = area(), began = pressed;
    pressed = null;
    if (began === null || inside === null || Math.hypot(event.clientX - began.clientX, event.clientY - began.clientY) > 4) return;
    const share = (event.clientX - inside.left) / inside.width;
    if (share < 0 || share > 1 || event.clientY < inside.top || event.clientY > inside.bottom) return;
    const [from, to] = place.layout.xaxis.range;
    seek(from + share * (to - from));
  }, true);

  position.addEventListener("input", () => seek(Number(position.value)));
  position.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    seek(now + step);
  });

  // The address may name a moment, as the links of events do: #t=12.5
  function readAddress() {
    const second = Number.parseFloat(new URLSearchParams(location.hash.slice(1)).get("t"));
    if (Number.isFinite(second)) seek(second);
  }
  window.addEventListener("hashchange", readAddress);
  for (const row of rows) {  // a link that the address names already changes nothing there
    row.querySelector("a").addEventListener("click", () => seek(Number(row.dataset.start)));
  }

  const name = document.getElementById("class-name");
  function filter() {
    const wanted = name.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.cells[2].textContent.toLowerCase().includes(wanted);
    document.getElementById("count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} events`;
  }
  name?.addEventListener("input", filter);

  // The first film that the browser plays; one whose pictures it cannot decode may still be heard, which is not enough.
  let tried = -1;
  function tryNext() {
    plays = false;
    tried += 1;
    if (tried < films.length) {
      player.src = films[tried].address;
      return;
    }
    player.hidden = true;
    player.removeAttribute("src");
    const told = document.getElementById("plays"), link = document.createElement("a");
    link.href = films[0].address;
    link.textContent = films[0].name;
    told.append("This browser cannot play ", link, ", or it is no longer where it was; the timeline works without it.");
  }
  // Between the moments at which players tell where they are, the line moves with the pictures.
  function follow() {
    if (!plays || player.paused) return;
    move(player.currentTime);
    requestAnimationFrame(follow);
  }
  if (player !== null) {
    player.addEventListener("error", () => { if (tried < films.length) tryNext(); });
    player.addEventListener("loadedmetadata", () => {
      if (player.videoWidth === 0) { tryNext(); return; }
      plays = true;
      player.currentTime = now;
    });
    player.addEventListener("play", follow);
    for (const event of ["seeked", "timeupdate", "pause"]) player.addEventListener(event, () => { if (plays) show(player.currentTime); });
  }

  Object.assign(chart.layout.xaxis, ticks(chart.layout.xaxis.range));
  Plotly.newPlot(place, chart.data, chart.layout, { displayModeBar: false, responsive: true, showTips: false }).then(() => {
    place.on("plotly_relayout", zoomed);
    place.on("plotly_afterplot", drawLine);
    if (name !== null) filter();
    show(0);
    readAddress();
    if (player !== null) tryNext();
    document.body.dataset.ready = "yes";
  });
})();
