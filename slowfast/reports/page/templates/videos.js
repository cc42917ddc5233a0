"use strict";
// The cards of videos: which are shown, in which order, which one is open, and where its video stands. boxes: of persons, by id.
// changed: called when that is not as before.
window.videoCards = (charts, boxes, settings, changed) => {
  const cards = [...document.querySelectorAll(".card")];
  const chosen = (name) => document.getElementById(`video-${name}`)?.value ?? "";
  const opener = (card) => card.querySelector(".opener");
  const opened = () => cards.find((card) => card.classList.contains("open")) ?? null;

  const clocks = new Map(), redraw = new Map();

  // An address is not written anew with every step of a key that is held.
  let waiting;
  function moved() {
    clearTimeout(waiting);
    waiting = setTimeout(changed, 250);
  }

  function fill(card) {
    if (card.dataset.filled) return;
    card.dataset.filled = "yes";
    const chart = card.querySelector(".timeline > div"), video = card.querySelector("video");
    const peopled = card.querySelector(".peopled-video");
    const clock = video ?? (peopled === null ? null : window.standIn());
    Plotly.newPlot(chart, charts[chart.id].data, charts[chart.id].layout, settings).then(() => {
      if (clock !== null) window.followVideo(clock, chart, card.dataset.name);
    });
    if (clock === null) return;
    clocks.set(card, clock);
    for (const event of ["seeked", "pause"]) clock.addEventListener(event, moved);
    if (peopled !== null) {
      const wanted = () => ({ name: chosen("class"), kind: chosen("kind") });
      redraw.set(card, window.boxesOver(clock, peopled, boxes[peopled.id], wanted));
    }
    if (video === null) return;
    video.addEventListener("error", () => { card.querySelector(".unplayable").hidden = false; });
    video.src = video.dataset.src;
  }

  function set(card, open) {
    card.classList.toggle("open", open);
    opener(card).setAttribute("aria-expanded", String(open));
    card.querySelector(".more").hidden = !open;
    if (open) fill(card);
    else card.querySelector("video")?.pause();
  }

  // One is open at a time: two players at once are heard at once.
  function open(card) {
    for (const other of cards) if (other !== card && other.classList.contains("open")) set(other, false);
    if (card !== null) set(card, true);
  }

  function filter() {
    const status = document.getElementById("video-count");
    if (status === null) return;
    for (const card of cards) {
      const has = (name, list) => chosen(name) === "" || list.includes(chosen(name));
      card.hidden = !(has("run", [card.dataset.run]) && has("group", card.dataset.groups.split(" ")) &&
        has("class", JSON.parse(card.dataset.classes)) && has("kind", JSON.parse(card.dataset.kinds)));
      if (card.hidden) set(card, false);
    }
    const order = chosen("sort");
    const ranked = (a, b) => Number(a.dataset.rank) - Number(b.dataset.rank);
    const compare = { best: (a, b) => ranked(b, a), name: (a, b) => a.dataset.name.localeCompare(b.dataset.name) }[order] ?? ranked;
    document.querySelector(".cards").append(...[...cards].sort(compare));
    for (const draw of redraw.values()) draw();
    status.textContent = `${cards.filter((card) => !card.hidden).length} of ${cards.length} videos`;
  }

  // What an address says: the link of a card, or nothing, and the second at which its video stands.
  function show(link, second) {
    const card = cards.find((one) => one.dataset.link === link) ?? null;
    open(card);
    if (clocks.has(card) && second > 0) clocks.get(card).currentTime = second;
    if (card !== null) card.scrollIntoView({ block: "start" });
    else if (link) document.getElementById("video-count")?.append(`; ${link} is not among them`);
  }

  for (const card of cards) {
    card.addEventListener("click", (event) => {
      const isOpen = card.classList.contains("open");
      if (event.target !== opener(card) && isOpen) return;
      isOpen ? set(card, false) : open(card);
      changed();
    });
  }
  const second = () => Math.round(100 * (clocks.get(opened())?.currentTime ?? 0)) / 100;
  return { filter, show, second, link: () => opened()?.dataset.link ?? "" };
};
