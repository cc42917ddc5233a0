"use strict";
// Boxes of persons over a video, those of the moment that it shows, and in words what they do.
// clock: the video, or what `standIn` gives. place: an element that has, of these classes: stage, with the video and a layer over
// it; now, with a text (when) and a list (persons); the buttons earlier and later, which go to moments with mistakes, and perhaps a
// button whole, for video and boxes on the whole screen (the player's own would show no boxes).
// content: classes, names; kinds, of mistakes, by missed, wrong, unfound and nobody; moments, [start, end, second of the annotation,
// persons], each person [x1, y1, x2, y2, state, [class, "right" | "missed" | "wrong", score or null] ...].
// wanted: gives the class and the kind of mistakes that somebody looks for, "" for all; other persons are faint.
// Returns what is to be called when `wanted` gives something else.
window.boxesOver = (clock, place, { classes, kinds, moments }, wanted) => {
  const NEAR = 0.005;
  const SIGNS = { right: "✓ ", missed: "○ missed: ", wrong: "✕ wrong: " };
  const STATES = { unfound: "not found", nobody: "no true person", person: "" };
  const [stage, layer, now, when, list] = ["stage", "layer", "now", "when", "persons"].map((name) => place.querySelector(`.${name}`));
  const video = stage.querySelector("video");
  let shown;

  const made = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });
  const marks = (person) => person[5];
  const isMistaken = (person) => person[4] !== "person" || marks(person).some(([, mark]) => mark !== "right");

  function fits(person) {
    const { name, kind } = wanted();
    const known = Object.values(kinds).includes(kind) ? kind : "";
    const ofState = known === "" || known === kinds[person[4]];
    if (marks(person).length === 0) return name === "" && ofState;
    return marks(person).some(([label, mark]) => (name === "" || classes[label] === name) && (ofState || known === kinds[mark]));
  }

  function words(person) {
    const said = marks(person).map(([label, mark, score]) =>
      `${SIGNS[mark]}${classes[label]}${score === null ? "" : ` ${(100 * score).toFixed(0)} %`}`);
    return [...(STATES[person[4]] ? [STATES[person[4]]] : []), ...said];
  }

  function boxOf(person, number) {
    const [x1, y1, x2, y2, state] = person;
    const box = made("div", `box ${state}${isMistaken(person) ? " mistaken" : ""}${fits(person) ? "" : " aside"}`);
    const edges = { left: x1, top: y1, width: x2 - x1, height: y2 - y1 };
    for (const [edge, share] of Object.entries(edges)) box.style[edge] = `${100 * share}%`;
    const label = made("div", `label${x1 + x2 > 1 ? " rightwards" : ""}`);
    label.append(made("b", "", String(number)), ...words(person).map((text) => made("span", "", text)));
    box.append(label);
    return box;
  }

  // The picture stands in the middle of the player, as large as it can be.
  function fit() {
    if (video === null || !video.videoWidth) return;
    const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
    const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
    Object.assign(layer.style, {
      left: `${video.offsetLeft + (video.clientWidth - width) / 2}px`, top: `${video.offsetTop + (video.clientHeight - height) / 2}px`,
      width: `${width}px`, height: `${height}px`,
    });
  }

  function draw() {
    const persons = shown?.[3] ?? [];
    layer.replaceChildren(...persons.map((person, number) => boxOf(person, number + 1)));
    list.replaceChildren(...persons.map((person) => made("li", fits(person) ? "" : "aside", words(person).join("; "))));
    when.textContent = shown === undefined ? "No annotated moment is here."
      : `Annotated second ${shown[2]}, ${shown[0].toFixed(1)} s after the beginning`;
  }

  function move() {
    now.setAttribute("aria-live", clock.paused ? "polite" : "off");
    const second = clock.currentTime + NEAR;
    const here = moments.find(([start, end]) => start <= second && second < end);
    if (here === shown) return;
    shown = here;
    draw();
  }

  function turn(later) {
    const others = moments.filter(([start, , , persons]) =>
      (later ? start > clock.currentTime + NEAR : start < clock.currentTime - NEAR) &&
      persons.some((person) => isMistaken(person) && fits(person)));
    if (others.length === 0) {
      when.textContent = `No ${later ? "later" : "earlier"} moment has such a mistake.`;
      return;
    }
    clock.pause();
    clock.currentTime = others.at(later ? 0 : -1)[0];
  }

  place.querySelector(".earlier").addEventListener("click", () => turn(false));
  place.querySelector(".later").addEventListener("click", () => turn(true));
  place.querySelector(".whole")?.addEventListener("click", () => stage.requestFullscreen());
  stage.classList.toggle("empty", video === null);
  new ResizeObserver(fit).observe(stage);
  video?.addEventListener("loadedmetadata", fit);
  window.alongVideo(clock, place, move);
  fit();
  draw();
  move();
  return draw;
};
