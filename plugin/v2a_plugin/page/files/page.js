"use strict";
// Asks the bridge what is to be shown, and tells it what the person does. The address held a token that works once;
// what it gave stays in this tab, so that the tab can be loaded again.
const $ = (id) => document.getElementById(id);
const make = (name, text, attributes = {}) => Object.assign(document.createElement(name), { textContent: text ?? "" }, attributes);
let key = sessionStorage.getItem("v2a-key") || "";
let ended = false;
let busy = false;
let shown = null;   // the form is filled once, so that nothing that is typed is lost
const articles = new Map();
const chosen = new Map();

async function ask(path, body) {
  const answer = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers: { "X-V2A-Key": key, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function say(text) {
  if (ended) return;
  $("message").textContent = text;
  $("message").hidden = !text;
}

async function act(path, body = {}) {
  try {
    show(await ask(path, body));
    say("");
  } catch (error) {
    say(error.message);
  }
}

function addLayer(words = {}) {
  const row = $("layer").content.firstElementChild.cloneNode(true);
  for (const name of shown.form.layers) row.querySelector(".name").append(new Option(name, name));
  row.querySelector(".name").value = words.name || shown.form.layers[0];
  for (const field of ["prompt", "negative"]) {
    const input = row.querySelector("." + field);
    input.value = words[field] || "";
    input.maxLength = shown.form.max_chars;
  }
  row.querySelector(".less").addEventListener("click", () => { if ($("layers").children.length > 1) row.remove(); });
  $("layers").append(row);
}

function fill(state) {
  shown = state;
  $("title").textContent = state.title;
  $("about").textContent = state.names.join(", ");
  for (const note of state.notes) $("notes").append(make("p", note, { className: "note" }));
  if (!state.form) {
    $("cancel").textContent = "Close";
    return;
  }
  const settings = state.form.settings;
  for (const quality of state.form.qualities) $("quality").append(new Option(quality, quality));
  for (const preset of state.form.presets) $("preset").append(new Option(preset.name + (preset.use ? ": " + preset.use : ""), preset.name));
  for (const words of settings.layers?.length ? settings.layers : [{ name: "mix" }]) addLayer(words);
  $("takes").max = state.form.max_takes;
  for (const field of ["preset", "quality", "takes", "seed"]) if (settings[field] !== undefined) $(field).value = settings[field];
  if (settings.quality === undefined) $("quality").value = "standard";
  $("form").hidden = false;
}

function words() {
  return {
    layers: [...$("layers").children].map((row) => ({
      name: row.querySelector(".name").value,
      prompt: row.querySelector(".prompt").value.trim(),
      negative: row.querySelector(".negative").value.trim(),
    })),
    preset: $("preset").value,
    quality: $("quality").value,
    takes: Number($("takes").value),
    seed: Number($("seed").value),
  };
}

function article(job) {
  const found = make("article");
  found.append(make("h2", job.name), make("p", "", { className: "quiet status" }), make("progress", "", { max: 1 }), make("div", "", { className: "takes" }));
  const again = make("button", "Another try", { type: "button", hidden: true, className: "again" });
  again.addEventListener("click", () => act("/again", { job: job.job }));
  const stop = make("button", "Stop", { type: "button", hidden: true, className: "stop" });
  stop.addEventListener("click", () => act("/stop", { job: job.job }));
  found.append(again, stop);
  articles.set(job.job, { element: found, state: "" });
  $("jobs").append(found);
  return articles.get(job.job);
}

function showJob(job) {
  const entry = articles.get(job.job) || article(job);
  const { element } = entry;
  const running = !["succeeded", "failed", "cancelled"].includes(job.state);
  const status = element.querySelector(".status");
  status.textContent = job.error || job.text;
  status.className = job.error ? "error status" : "quiet status";
  element.querySelector("progress").value = job.progress;
  element.querySelector("progress").hidden = !running;
  element.querySelector(".stop").hidden = !running;
  if (entry.state === job.state) return;
  entry.state = job.state;
  element.querySelector(".again").hidden = running;
  if (job.state === "succeeded") showTakes(job, element.querySelector(".takes"));
}

function showTakes(job, place) {
  for (const warning of job.warnings) place.append(make("p", warning, { className: "note" }));
  const numbers = [...new Set(job.takes.map((take) => take.take))];
  for (const number of numbers) {
    for (const take of job.takes.filter((one) => one.take === number)) {
      const row = make("div", "", { className: "take" });
      const first = take === job.takes.find((one) => one.take === number);
      const choice = shown.form
        ? make("input", "", { type: "radio", name: job.clip, checked: number === numbers[0] })
        : make("input", "", { type: "checkbox", name: job.clip });
      choice.setAttribute("aria-label", "Keep take " + number + " of " + job.name);
      choice.addEventListener("change", () => choose(choice, job, number));
      const player = make("audio", "", { controls: true, preload: "none" });
      player.src = "/sound/" + [job.job, take.layer, number].map(encodeURIComponent).join("/") + "?key=" + encodeURIComponent(key);
      player.addEventListener("play", () => document.querySelectorAll("audio").forEach((other) => other === player || other.pause()));
      const facts = [take.layer, "take " + number, "seed " + take.seed, take.duration_s.toFixed(1) + " s"];
      if (take.loudness_lufs != null) facts.push(take.loudness_lufs.toFixed(1) + " LUFS");
      row.append(first ? choice : make("span"), player, make("span", facts.join(" · "), { className: "quiet" }));
      place.append(row);
    }
  }
  if (job.model) place.append(make("p", "Synthetic sound, made by " + job.model.title + " (" + job.model.licence + (job.model.commercial_use ? "" : ", not for commercial use") + ")", { className: "quiet" }));
  if (numbers.length && shown.form) chosen.set(job.clip, { job, number: numbers[0] });
}

// What was asked for here is kept unless the person says otherwise; what only waits, not unless they say so.
function choose(choice, job, number) {
  if (choice.checked) {
    document.getElementsByName(job.clip).forEach((other) => { if (other !== choice) other.checked = false; });
    chosen.set(job.clip, { job, number });
  } else {
    chosen.delete(job.clip);
  }
  $("keep").disabled = busy || !chosen.size;
}

function show(state) {
  if (ended) return;
  if (!shown) fill(state);
  state.jobs.forEach(showJob);
  busy = state.jobs.some((job) => !["succeeded", "failed", "cancelled"].includes(job.state));
  const takes = state.jobs.flatMap((job) => (job.state === "succeeded" ? job.takes : []));
  $("generate").disabled = busy;
  $("keep").disabled = busy || !chosen.size;
  $("allwrap").hidden = new Set(takes.map((take) => take.take)).size < 2;
  if (state.state !== "open") end(state.state);
}

// One take of one try of each clip; of what was asked for here, the newest try until the person says otherwise.
function keep() {
  const kept = [...chosen.values()].map(({ job, number }) => {
    const others = [...new Set(job.takes.map((take) => take.take))].filter((other) => other !== number);
    return { job: job.job, takes: [number, ...($("all").checked ? others : [])] };
  });
  act("/keep", { kept });
}

function end(state) {
  ended = true;
  sessionStorage.removeItem("v2a-key");
  document.querySelectorAll("audio").forEach((player) => player.pause());
  const text = { kept: "Kept: the sounds go into your timeline now.", cancelled: "Nothing was placed.", gone: "This page is closed." }[state];
  document.querySelector("main").replaceChildren(make("h1", text), make("p", "You can close this page.", { className: "quiet" }));
}

async function watch() {
  while (!ended) {
    try {
      show(await ask("/look"));
    } catch (error) {
      say(error instanceof TypeError ? "The script has ended: close this page, and run it again." : error.message);
      if (error instanceof TypeError) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function begin() {
  const token = location.hash.slice(1);
  if (token) {
    history.replaceState(null, "", "/");
    try {
      key = (await ask("/open", { token })).key;
      sessionStorage.setItem("v2a-key", key);
    } catch (error) {
      if (!key) { say(error.message); return; }
    }
  }
  $("form").addEventListener("submit", (event) => { event.preventDefault(); act("/generate", words()); });
  $("more").addEventListener("click", () => addLayer());
  $("keep").addEventListener("click", keep);
  $("cancel").addEventListener("click", () => act("/cancel"));
  watch();
}

begin();
