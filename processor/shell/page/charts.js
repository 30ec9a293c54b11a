// Charts: one small line each, the newest point on the right.

const HEIGHT = 40;
const FEWEST = 24;  // points that a chart is wide, however few there are yet

const perSecond = (value) => `${rate(value)} /s`;

const CHARTS = [
  { name: "Outcomes", key: "outcomes", tell: perSecond },
  { name: "Calls", key: "calls", bad: "failed_calls", tell: perSecond },
  { name: "Time of a call, mean", key: "call_seconds", tell: duration },
  { name: "Dead letters", key: "dead_letters", tell: count, isCounted: true },
  { name: "Records behind", key: "lag", tell: count, isLevel: true },
  { name: "Calls in the air", key: "in_flight", tell: count, isLevel: true },
];

function svg(name, kind, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  if (kind) made.setAttribute("class", kind);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

class Chart {
  constructor(spec) {
    this.spec = spec;
    this.value = element("span", "value");
    this.note = element("span");
    this.highest = element("span");
    this.picture = svg("svg", "", { preserveAspectRatio: "none", role: "img" });
    this.cursor = svg("line", "cursor", { y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.pointed = null;
    this.box = element(
      "div", "chart",
      element("div", "top", element("span", "name", spec.name), this.value),
      this.picture,
      element("div", "bottom", this.note, this.highest),
    );
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => { this.pointed = null; this.tell(); });
  }

  show(view) {
    this.every = view.points_every;
    this.points = view.points[this.spec.key];
    this.most = Math.max(FEWEST, this.points.length);
    this.bad = this.spec.bad ? view.points[this.spec.bad] : null;
    this.present = this.spec.isLevel ? view[this.spec.key] : null;
    this.known = this.points.filter((value) => value !== null);
    this.top = Math.max(0, this.present ?? 0, ...this.known);
    this.draw();
    this.tell();
  }

  x(index) { return this.most - this.points.length + index; }
  y(value) { return HEIGHT - (this.top ? value / this.top : 0) * (HEIGHT - 2); }

  // The stretches without a gap, each as the places of its points.
  stretches(points) {
    const found = [[]];
    points.forEach((value, index) => {
      if (value === null) found.push([]);
      else found.at(-1).push([this.x(index), this.y(value)]);
    });
    return found.filter((stretch) => stretch.length);
  }

  line(points) {
    return this.stretches(points).map((places) => `M${places.join("L")}h0`).join("");
  }

  area(points) {
    const closed = (places) => `M${places.join("L")}L${places.at(-1)[0]} ${HEIGHT}H${places[0][0]}Z`;
    return this.stretches(points).map(closed).join("");
  }

  bars() {
    return this.points
      .map((value, index) => (value ? `M${this.x(index)} ${HEIGHT}V${this.y(value)}` : ""))
      .join("");
  }

  draw() {
    this.picture.setAttribute("viewBox", `0 0 ${this.most - 1} ${HEIGHT}`);
    const base = { x1: 0, x2: this.most - 1, y1: HEIGHT, y2: HEIGHT };
    const parts = [svg("line", "base", base)];
    if (this.spec.isCounted) {
      parts.push(svg("path", "bars", { d: this.bars() }));
    } else {
      parts.push(svg("path", "area", { d: this.area(this.points) }));
      parts.push(svg("path", "main", { d: this.line(this.points) }));
      if (this.bad && this.bad.some((value) => value > 0)) {
        parts.push(svg("path", "bad", { d: this.line(this.bad) }));
      }
    }
    this.picture.replaceChildren(...parts, this.cursor);
  }

  point(event) {
    const box = this.picture.getBoundingClientRect();
    const at = Math.round(((event.clientX - box.left) / box.width) * (this.most - 1));
    const index = at - (this.most - this.points.length);
    this.pointed = index >= 0 && index < this.points.length ? index : null;
    this.tell();
  }

  tell() {
    const { spec, points } = this;
    const newest = points.length - 1;
    const index = this.pointed === null ? newest : Math.min(this.pointed, newest);
    const isPointed = this.pointed !== null;
    const value = index < 0 ? null : points[index];
    const sum = points.reduce((all, each) => all + each, 0);
    const minutes = span(points.length * this.every);
    const told = isPointed ? value : spec.isCounted ? sum : this.present ?? value;
    this.value.replaceChildren(told === null ? "–" : spec.tell(told));
    const failing = this.bad && index >= 0 ? this.bad[index] : 0;
    if (failing > 0) this.value.append(element("small", "", ` ${rate(failing)} failing`));
    this.note.textContent = newest < 0 ? "the first point comes soon"
      : isPointed ? `${span((newest - index) * this.every)} ago` : `last ${minutes}`;
    const within = spec.isCounted ? ` in ${this.every} s` : "";
    this.highest.textContent = !this.known.length ? "" : `highest ${spec.tell(this.top)}${within}`;
    const where = { x1: this.x(index), x2: this.x(index) };
    for (const [key, at] of Object.entries(where)) this.cursor.setAttribute(key, at);
    this.cursor.setAttribute("visibility", isPointed ? "visible" : "hidden");
    if (!isPointed) {
      this.picture.setAttribute(
        "aria-label",
        `${spec.name}: ${this.value.textContent}, ${this.note.textContent}, ${this.highest.textContent}`,
      );
    }
  }
}

