// Sections: each is drawn anew only when what it shows has changed, so that selected text stays.

const SCOPES = { confirm: "Confirms", release: "Releases", replay: "Copies of a replay" };

function described(rows) {
  const list = element("dl");
  for (const [name, ...content] of rows) list.append(element("dt", "", name), element("dd", "", ...content));
  return list;
}

function card(level, title, content) {
  return element("div", `card ${level}`, element("h3", "", title), content);
}

function holdCard(hold) {
  const probe = hold.next_probe_at ? ticking(hold.next_probe_at, "until") : "after the hold that stops it too";
  return card("trouble", `${SCOPES[hold.scope]} are held: ${hold.reason}`, described([
    ["Why", hold.why],
    ["For", ticking(hold.since, "since")],
    ["Waiting", counted(hold.waiting, "record", "records")],
    ["Next probe", probe],
    ["Do", hold.do],
  ]));
}

function parkedCard(gap) {
  return card("trouble wide-card", `${gap.partition} is parked`, described([
    ["Why", gap.missing],
    ["Do", "find out which orders they were, then go on behind the gap:", element("code", "command", gap.command)],
  ]));
}

function pauseCard(scope, until) {
  return card("busy", `${SCOPES[scope]} pause`, described([["Goes on", ticking(until, "until")]]));
}

function cards(view) {
  return [
    ...view.notices.map((notice) => element("p", "card trouble wide-card", notice)),
    ...view.holds.map(holdCard),
    ...view.parked.map(parkedCard),
    ...Object.entries(view.paused_until).map(([scope, until]) => pauseCard(scope, until)),
  ];
}

function fact(name, ...content) {
  return element("div", "", element("dt", "", name), element("dd", "", ...content));
}

function facts(view) {
  return [
    fact("Calls in the air", count(view.in_flight), element("small", "", ` of ${count(view.most_in_flight)}`)),
    fact("Unfinished", count(view.unfinished), element("small", "", view.unfinished === 1 ? " record" : " records")),
    fact("Behind", view.lag === null ? "–" : count(view.lag), element("small", "", view.lag === 1 ? " record" : " records")),
    fact("Oldest order waiting", view.oldest.CONFIRM ? ticking(view.oldest.CONFIRM, "since") : "none"),
    fact("Last outcome", ticking(view.last_outcome_at, "age")),
    fact("Last commit", ticking(view.last_commit_at, "age")),
  ];
}

function table(label, heads, rows) {
  const head = element("tr", "", ...heads.map(([text, kind]) => {
    const cell = element("th", kind, text);
    cell.scope = "col";
    return cell;
  }));
  const box = element("div", "scroll", element(
    "table", "", element("thead", "", head), element("tbody", "", ...rows),
  ));
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", label);
  return box;
}

function partitionRow(row) {
  const number = element("th", "", String(row.number));
  number.scope = "row";
  const kind = row.level === "well" ? "" : `word-${row.level}`;
  const left = row.left ? `, ${counted(row.left, "outcome", "outcomes")} left` : "";
  return element(
    "tr", "", number, element("td", `state ${kind}`, row.state + left),
    ...row.lag.map((behind) => element("td", behind === null ? "num muted" : "num", behind === null ? "–" : count(behind))),
  );
}

function partitions(view) {
  if (!view.rows.length) return [element("p", "empty", "None.")];
  const topics = view.topics.map((topic) => [`${topic}, behind`, "num"]);
  const heads = [["partition", ""], ["state", ""], ...topics];
  const shown = [table("Partitions", heads, view.rows.map(partitionRow))];
  if (view.rows_left_out) {
    shown.push(element("p", "note", `${count(view.rows_left_out)} more, less urgent, are not shown: /status has all.`));
  }
  return shown;
}

function letterRow(letter) {
  const status = letter.http_status === null ? "" : `, ${letter.http_status}`;
  return element(
    "tr", "",
    element("td", "nowrap", ticking(letter.at, "age"), letter.is_replayed ? element("span", "sub", "replayed") : null),
    element("td", "", letter.reason, element("span", "sub", letter.effect)),
    element("td", "nowrap", letter.operation, element("span", "sub", counted(letter.attempts, "call", "calls") + status)),
    element("td", "id", letter.order_id ?? "–", element("span", "sub", letter.cart_id ?? "–")),
    element("td", "id wide", letter.source, element("span", "sub", letter.id)),
  );
}

function letters(view) {
  if (!view.letters.length) return [element("p", "empty", "None since it started.")];
  const heads = ["when", "reason, effect", "operation", "order, cart", "record, dead letter"];
  return [
    table("Recent dead letters", heads.map((head) => [head, ""]), view.letters.map(letterRow)),
    element(
      "p", "note", "All of one: ", element("code", "", "processor inspect CART"),
      ". To bring some back: ", element("code", "", "processor redrive --from 24h"), ".",
    ),
  ];
}

function replay(view) {
  const { replay: seen } = view;
  if (!seen.partitions && !seen.worked && !seen.settled) {
    return [element("p", "empty", "No partition of the lane is here: others have them, or it is off.")];
  }
  if (!seen.lag && !seen.unfinished && !seen.worked && !seen.settled) {
    return [element("p", "empty", `${counted(seen.partitions, "partition", "partitions")} of the lane here; nothing was replayed since it started.`)];
  }
  const list = element(
    "dl", "facts",
    fact("Partitions of the lane", count(seen.partitions)),
    fact("Waiting in the lane", seen.lag === null ? "–" : count(seen.lag)),
    fact("Worked", count(seen.worked)),
    fact("Settled already", count(seen.settled)),
    fact("Dead letters", count(seen.dead_letters)),
    fact("Last copy", ticking(seen.last_at, "age")),
  );
  const of = seen.replay_id === null ? null : element("span", "", "Last worked: a copy of ", element("code", "", seen.replay_id), ". ");
  return [list, element("p", "note", of, "How far the whole replay is: ", element("code", "", "processor replay list"), ".")];
}

