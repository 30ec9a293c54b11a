"use strict";

// Texts and elements. Whatever comes from the server becomes text, never markup.

const byId = (id) => document.getElementById(id);

function element(name, kind, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const counts = new Intl.NumberFormat("en-US");
const count = (number) => counts.format(number);
const counted = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

function rate(number) {
  if (number === 0) return "0";
  return number.toFixed(number >= 100 ? 0 : number >= 1 ? 1 : 2);
}

const duration = (seconds) =>
  seconds >= 1 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds * 1000)} ms`;

function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} days`;
}

// Times tick by the server's clock, so that nothing depends on the one of whoever looks.

let clockIsAhead = 0;
const serverNow = () => Date.now() - clockIsAhead;
const setClock = (iso) => { clockIsAhead = Date.now() - Date.parse(iso); };

const wordings = {
  age: (seconds) => `${span(seconds)} ago`,
  since: (seconds) => span(seconds),
  until: (seconds) => (seconds < -0.5 ? `in ${span(-seconds)}` : "now"),
};

function ticking(iso, wording) {
  if (!iso) return element("span", "muted", "–");
  const made = element("time");
  made.dateTime = iso;
  made.title = new Date(iso).toLocaleString();
  made.dataset.wording = wording;
  tickOne(made);
  return made;
}

function tickOne(time) {
  const seconds = (serverNow() - Date.parse(time.dateTime)) / 1000;
  const text = wordings[time.dataset.wording](seconds);
  if (time.textContent !== text) time.textContent = text;
}

const tick = () => document.querySelectorAll("time").forEach(tickOne);

