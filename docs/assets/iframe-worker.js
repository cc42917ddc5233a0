// Browsers start no Worker from a page that was opened from disk. There, one frame without a size stands in for it: it loads the
// same script, and messages go the same ways. Search is the one worker of these pages.
if (location.protocol === "file:") {
  class FrameWorker extends EventTarget {
    constructor(address) {
      super();
      const script = new URL(address, document.baseURI).href;
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.title = "search";
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...addresses) => addresses.reduce(
        (before, each) => before.then(() => this.load(new URL(each, script).href)), Promise.resolve());
      this.load(script).then(() => {
        this.ready = true;
        this.waiting.splice(0).forEach(data => this.postMessage(data));
      });
    }

    load(address) {
      return new Promise((done, failed) => {
        const inside = this.frame.contentDocument;
        const element = Object.assign(inside.createElement("script"), { src: address, onload: done, onerror: failed });
        inside.body.append(element);
      });
    }

    postMessage(data) {
      if (this.ready) this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
      else this.waiting.push(data);
    }

    terminate() {
      this.frame.remove();
    }
  }
  window.Worker = FrameWorker;
  window.IFrameWorker = FrameWorker;  // by which the theme's worker knows where it is
}
