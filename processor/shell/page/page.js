// The page: asks every two seconds while somebody looks, and says when nobody answers.

const EVERY = 2000;
const ANSWER_WITHIN = 5000;
const TONES = { well: "%2317744a", busy: "%23b07d10", trouble: "%23d03a30" };
const SECTIONS = [
  ["cards", cards, ["notices", "holds", "parked", "paused_until"]],
  ["facts", facts, ["in_flight", "most_in_flight", "unfinished", "lag", "oldest", "last_outcome_at", "last_commit_at"]],
  ["partitions", partitions, ["topics", "rows", "rows_left_out"]],
  ["letters", letters, ["letters"]],
  ["replay", replay, ["replay"]],
];

const charts = CHARTS.map((spec) => new Chart(spec));
const shown = {};
let answeredAt = null;
let timer = null;

function place(id, draw, names, view) {
  const now = JSON.stringify(names.map((name) => view[name]));
  if (shown[id] !== now) byId(id).replaceChildren(...draw(view));
  shown[id] = now;
}

function show(view) {
  setClock(view.now);
  byId("group").textContent = `group ${view.group_id}, version ${view.version}, ${location.host}`;
  byId("headline").className = `headline ${view.level}`;
  for (const id of ["word", "text"]) {
    if (byId(id).textContent !== view[id]) byId(id).textContent = view[id];
  }
  document.title = `${view.word} · processor`;
  const shape = view.level === "trouble" ? "M8 1 15 15H1Z" : view.level === "busy" ? "M2 2h12v12H2Z" : "M8 1a7 7 0 1 0 .01 0Z";
  byId("icon").href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path fill='${TONES[view.level]}' d='${shape}'/></svg>`;
  for (const [id, draw, names] of SECTIONS) place(id, draw, names, view);
  charts.forEach((chart) => chart.show(view));
}

async function poll() {
  timer = null;
  try {
    const answer = await fetch("page.json", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN) });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    show(await answer.json());
    answeredAt = Date.now();
    lose(null);
  } catch (error) {
    lose(error);
  }
  follow();
}

function lose(error) {
  document.body.classList.toggle("stale", error !== null);
  byId("lost").hidden = error === null;
  if (error === null) return;
  const when = answeredAt === null ? "" : ` What stands below is of ${new Date(answeredAt).toLocaleTimeString()}.`;
  const why = error.message.startsWith("it answers") ? error.message : "it has ended, or cannot be reached";
  byId("lost").textContent = `The processor does not answer: ${why}.${when}`;
  document.title = "No answer · processor";
}

function follow() {
  if (timer === null && !document.hidden) timer = setTimeout(poll, EVERY);
}

function refresh() {
  if (!document.body.classList.contains("stale")) tick();
  const seconds = answeredAt === null ? null : (Date.now() - answeredAt) / 1000;
  byId("freshness").textContent = seconds === null ? "" : `as of ${span(seconds)} ago`;
}

byId("charts").append(...charts.map((chart) => chart.box));
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  timer = null;
  if (!document.hidden) poll();
});
setInterval(refresh, 1000);
poll();
