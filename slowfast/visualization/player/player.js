"use strict";
// Calls `move` whenever another moment of a video may be seen. place: an element; once it is not in the page, nothing runs on.
window.alongVideo = (video, place, move) => {
  // Events of a video come a few times a second, pictures of the screen more often.
  function run() {
    move();
    if (!video.paused && !video.ended && place.isConnected) requestAnimationFrame(run);
  }
  video.addEventListener("play", run);
  for (const event of ["timeupdate", "seeking", "seeked", "loadedmetadata", "pause"]) video.addEventListener(event, move);
};

// Stands where there is no video to play, so that its time can still be gone through.
window.standIn = () => {
  const clock = new EventTarget();
  let second = 0;
  const currentTime = {
    get: () => second,
    set: (value) => { second = value; clock.dispatchEvent(new Event("seeked")); },
  };
  Object.defineProperty(clock, "currentTime", currentTime);
  return Object.assign(clock, { paused: true, ended: false, duration: NaN, play() {}, pause() {} });
};

// Ties a video to a chart of its time: a line goes along with the video, a click or a key on the chart moves the video.
// chart: an element, in one of the class "timeline", that plotly has drawn a chart into whose x axis is seconds.
// name: of the video, for people who cannot see it.
window.followVideo = (video, chart, name) => {
  const place = chart.parentElement;
  const line = document.createElement("div");
  line.className = "playhead";
  place.append(line);
  const axis = () => chart._fullLayout.xaxis;
  const last = () => axis().range[1];

  place.tabIndex = 0;
  place.setAttribute("role", "slider");
  place.setAttribute("aria-label", `Position in ${name}, in seconds`);
  place.setAttribute("aria-valuemin", "0");

  function move() {
    const { xaxis, _size } = chart._fullLayout;
    const second = Math.min(video.currentTime, last());
    line.style.left = `${chart.offsetLeft + _size.l + xaxis.d2p(second) - 1}px`;
    line.style.top = `${chart.offsetTop + _size.t}px`;
    line.style.height = `${_size.h}px`;
    place.setAttribute("aria-valuemax", last().toFixed(2));
    place.setAttribute("aria-valuenow", second.toFixed(2));
    place.setAttribute("aria-valuetext", `${second.toFixed(1)} of ${last().toFixed(1)} seconds`);
  }

  function seek(second) {
    const end = Number.isFinite(video.duration) ? Math.min(last(), video.duration) : last();
    video.currentTime = Math.max(0, Math.min(end, second));
    move();
  }

  place.addEventListener("click", (event) => {
    const inside = event.clientX - chart.getBoundingClientRect().left - chart._fullLayout._size.l;
    if (inside >= 0 && inside <= chart._fullLayout._size.w) seek(axis().p2d(inside));
  });
  place.addEventListener("keydown", (event) => {
    const step = Math.max(0.1, last() / 100);
    const second = {
      ArrowRight: video.currentTime + step, ArrowLeft: video.currentTime - step,
      ArrowUp: video.currentTime + step, ArrowDown: video.currentTime - step,
      PageUp: video.currentTime + 10 * step, PageDown: video.currentTime - 10 * step,
      Home: 0, End: last(),
    }[event.key];
    if (second !== undefined) seek(second);
    else if (event.key === " " || event.key === "Enter") video.paused ? video.play() : video.pause();
    else return;
    event.preventDefault();
  });
  window.alongVideo(video, place, move);
  chart.on("plotly_afterplot", move);
  move();
};
