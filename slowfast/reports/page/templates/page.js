"use strict";
(() => {
  const [charts, boxes] = ["charts", "boxes"].map((id) => JSON.parse(document.getElementById(id).textContent));
  const settings = { displayModeBar: false, responsive: true };
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const fields = ["class-name", "class-below", "option-name", "option-differs",
    "video-run", "video-group", "video-class", "video-kind", "video-sort"]
    .map((id) => document.getElementById(id))
    .filter((field) => field !== null);
  const videos = window.videoCards(charts, boxes, settings, writeAddress);

  // Charts have the colours of the page, which follow those that the reader has set for all pages.
  function colour() {
    const named = getComputedStyle(document.documentElement);
    const ink = named.getPropertyValue("--ink").trim(), grid = named.getPropertyValue("--grid").trim();
    const colours = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": ink };
    for (const axis of ["xaxis", "yaxis"]) {
      for (const line of ["gridcolor", "linecolor", "zerolinecolor"]) colours[`${axis}.${line}`] = grid;
      colours[`${axis}.tickcolor`] = ink;
    }
    for (const [id, { layout }] of Object.entries(charts)) {
      for (const [key, value] of Object.entries(colours)) {
        const [part, name] = key.split(".");
        if (name === undefined) layout[part] = value;
        else layout[part] = { ...layout[part], [name]: value };
      }
      const place = document.getElementById(id);
      if (place?.data !== undefined) Plotly.relayout(place, colours);
    }
  }

  // A chart that is hidden has no width: each is drawn when its tab is first shown.
  function draw(panel) {
    for (const place of panel.querySelectorAll(".chart > div")) {
      if (!place.dataset.drawn) {
        place.dataset.drawn = "yes";
        Plotly.newPlot(place, charts[place.id].data, charts[place.id].layout, settings);
      }
    }
  }

  function show(tab) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    draw(panel);
    if (panel.id === "classes") filterClasses();
  }

  // The address says what is shown, so that a link leads there: #tab=classes&class-name=milk, #tab=videos&video=run/name&second=3.5
  function writeAddress() {
    const said = new URLSearchParams();
    said.set("tab", tabs.find((tab) => tab.getAttribute("aria-selected") === "true").getAttribute("aria-controls"));
    for (const field of fields) {
      if (field.type === "checkbox" ? field.checked : field.value) {
        said.set(field.id, field.type === "checkbox" ? "yes" : field.value);
      }
    }
    if (videos.link()) said.set("video", videos.link());
    if (videos.second()) said.set("second", videos.second());
    history.replaceState(null, "", `#${said}`);
  }

  function readAddress() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      if (field.type === "checkbox") field.checked = said.get(field.id) === "yes";
      else field.value = said.get(field.id) ?? "";
    }
    filterOptions();
    videos.filter();
    show(tabs.find((tab) => tab.getAttribute("aria-controls") === said.get("tab")) ?? tabs[0]);
    videos.show(said.get("video") ?? "", Number(said.get("second")) || 0);
  }

  function filterClasses() {
    const name = document.getElementById("class-name");
    if (name === null) return;
    const wanted = name.value.trim().toLowerCase();
    const field = document.getElementById("class-below");
    const below = field.value === "" ? Infinity : Number(field.value);
    const kept = new Set(), all = new Set();
    for (const measure of document.querySelectorAll(".measure")) {
      for (const row of measure.querySelectorAll("tbody tr")) {
        const title = row.cells[0].textContent;
        const values = [...row.querySelectorAll(".percent")].map((cell) => parseFloat(cell.textContent));
        row.hidden = !title.toLowerCase().includes(wanted) ||
          (below !== Infinity && !values.some((value) => value < below));
        all.add(title);
        if (!row.hidden) kept.add(title);
      }
      drawClasses(measure);
    }
    document.getElementById("class-count").textContent = `${kept.size} of ${all.size} classes`;
  }

  // The bars follow the table: the same classes in the same order.
  function drawClasses(measure) {
    const id = measure.dataset.chart, { data, layout } = charts[id];
    const places = [...measure.querySelectorAll("tbody tr")].filter((row) => !row.hidden).map((row) => Number(row.dataset.place));
    const bars = data.map((bar) => ({ ...bar, x: places.map((i) => bar.x[i]), y: places.map((i) => bar.y[i]) }));
    const height = 90 + Math.max(1, places.length) * Math.max(24, 12 * data.length + 8);
    const place = document.getElementById(id);
    place.dataset.drawn = "yes";
    place.style.height = `${height}px`;
    Plotly.react(place, bars, { ...layout, height }, settings);
  }

  function filterOptions() {
    const wanted = document.getElementById("option-name").value.trim().toLowerCase();
    const differs = document.getElementById("option-differs")?.checked ?? false;
    const rows = [...document.querySelectorAll("#option-rows tr")];
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted) || (differs && row.dataset.differs === "no");
    }
    document.getElementById("option-count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} options`;
  }

  // Rows without a number stand last in either order.
  function sort(button) {
    const heading = button.closest("th"), table = heading.closest("table");
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.querySelectorAll("thead th")) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const text = (row) => row.cells[heading.cellIndex].textContent.trim();
    const compare = button.dataset.kind === "number"
      ? (a, b) => {
        const [x, y] = [parseFloat(text(a)), parseFloat(text(b))];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return up ? x - y : y - x;
      }
      : (a, b) => (up ? 1 : -1) * text(a).localeCompare(text(b));
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(compare));
    const measure = table.closest(".measure");
    if (measure !== null) drawClasses(measure);
  }

  for (const [number, tab] of tabs.entries()) {
    tab.addEventListener("click", () => { show(tab); writeAddress(); });
    tab.addEventListener("keydown", (event) => {
      const next = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const chosen = tabs[(next + tabs.length) % tabs.length];
      show(chosen);
      chosen.focus();
      writeAddress();
    });
  }
  for (const button of document.querySelectorAll(".sort")) button.addEventListener("click", () => sort(button));
  for (const field of fields) {
    field.addEventListener(field.tagName === "SELECT" ? "change" : "input", () => {
      ({ class: filterClasses, option: filterOptions, video: videos.filter })[field.id.split("-")[0]]();
      writeAddress();
    });
  }
  for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", readAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", colour);
  colour();
  readAddress();
})();
