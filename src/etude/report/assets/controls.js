// What belongs to one figure alone: buttons that show and hide its series, sliders over η and over the steps, playing.

const hasFrames = (figure) => figure.playable || figure.kind === "surface";
const controlOf = (entry, kind) => document.querySelector(`#controls-${CSS.escape(entry.figure.id)} [data-control="${kind}"]`);
const followed = (entry) => document.querySelector(`#controls-${CSS.escape(entry.figure.id)} .followed`); // no slider of its own
const playButton = (entry) => document.querySelector(`#controls-${CSS.escape(entry.figure.id)} .play`);

function listenToControls(entry) {
  listenToToggles(entry);
  const [frames, steps] = [controlOf(entry, "frame"), controlOf(entry, "step")];
  frames?.addEventListener("input", () => {
    entry.frame = Number(frames.value);
    showControls(entry);
    const lr = framesOf(entry.figure)[entry.frame];
    const index = page.at.findIndex((at) => sameLr(at.lr, lr));
    if (index >= 0) pick(index);
    else drawSoon([entry]);
  });
  steps?.addEventListener("input", () => {
    entry.step = Number(steps.value);
    stop(entry);
  });
  playButton(entry)?.addEventListener("click", () => (entry.playing ? stop(entry) : play(entry)));
}

function listenToToggles(entry) {
  const list = document.getElementById(`toggles-${entry.figure.id}`);
  if (!list) return;
  const buttons = [...list.querySelectorAll("[data-series]")];
  const show = (button, on) => {
    button.setAttribute("aria-pressed", String(on));
    entry.hidden[on ? "delete" : "add"](Number(button.dataset.series));
    drawSoon([entry]);
  };
  const light = (series) => { entry.lit = entry.hidden.has(series) ? null : series; drawSoon([entry]); };
  for (const button of buttons) {
    const series = Number(button.dataset.series);
    if (button.getAttribute("aria-pressed") === "false") entry.hidden.add(series);
    button.addEventListener("click", () => { show(button, entry.hidden.has(series)); light(series); });
    button.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && light(series));
    button.addEventListener("pointerleave", () => light(null));
    button.addEventListener("focus", () => button.matches(":focus-visible") && light(series));
    button.addEventListener("blur", () => light(null));
  }
  for (const all of list.querySelectorAll("[data-all]")) {
    all.addEventListener("click", () => buttons.forEach((button) => show(button, all.dataset.all === "true")));
  }
}

// Sliders, what they say, and the button, as the figure is drawn or is about to be: who listens to a slider that moves
// hears its words at once.
function showControls(entry) {
  if (!hasFrames(entry.figure)) return;
  const lrs = framesOf(entry.figure);
  const frames = controlOf(entry, "frame");
  if (frames) say(frames, lrs.length - 1, entry.frame, number(lrs[entry.frame]));
  else followed(entry).textContent = `η = ${number(lrs[entry.frame])}`;
  const steps = controlOf(entry, "step");
  if (!steps) return;
  const last = stepsOf(entry.figure, entry.frame);
  say(steps, last, Math.min(shownStep(entry), last), `${Math.min(shownStep(entry), last)} / ${last}`);
  playButton(entry).textContent = word(entry.playing ? "pause" : "play");
}

function say(control, last, value, label) {
  control.max = String(last);
  control.value = String(value);
  control.setAttribute("aria-valuetext", label);
  control.parentElement.querySelector("output").textContent = label;
}

// Two to eight seconds from the start, or from where it was stopped, to the last step.
function play(entry) {
  const last = stepsOf(entry.figure, entry.frame);
  const seconds = Math.min(Math.max(last / 15, 2), 8);
  const from = shownStep(entry) >= last ? 0 : shownStep(entry);
  const started = performance.now();
  const advance = (now) => {
    if (entry.playing !== advance) return; // stopped, or started once more
    const step = Math.round(from + (last * (now - started)) / 1000 / seconds);
    entry.step = step >= last ? null : Math.max(step, from);
    if (step >= last) entry.playing = null;
    draw(entry);
    if (entry.playing) requestAnimationFrame(advance);
  };
  entry.playing = advance;
  requestAnimationFrame(advance);
}

function stop(entry) {
  entry.playing = null;
  showControls(entry);
  drawSoon([entry]);
}
