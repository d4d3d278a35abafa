(() => {
  const [table] = document.querySelectorAll("main > table");
  const [body] = table.tBodies;
  for (const time of body.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    date.setMinutes(date.getMinutes() - date.getTimezoneOffset());
    time.textContent = date.toISOString().slice(0, 16).replace("T", " ");
  }
  table.tHead.querySelector("small").remove();
  // What scrolls is reached by keys.
  for (const box of document.querySelectorAll("article :is(pre,div)")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }

  // Neither accents nor capitals count.
  const plain = text => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  const entries = [...body.rows].filter(row => row.querySelector("bdi")).map(row => {
    const [name, , size] = row.cells;
    const kind = name.textContent.endsWith("/") ? "folder" : size.title ? "file" : "other";
    const bytes = Number(size.title.replace(/\D/g, ""));
    return {row, kind, bytes, name: plain(name.querySelector("bdi").textContent)};
  });
  if (entries.length < 2) return;
  const matcher = word => {
    if (!word.includes("*")) return name => name.includes(word);
    const pattern = word.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*");
    const whole = new RegExp(`^${pattern}$`, "s");
    return name => whole.test(name);
  };
  const counted = (number, noun) =>
    `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  const human = (size, unit = 0) => Math.round(size) >= 1000 ? human(size / 1000, unit + 1)
    : `${unit && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
  const [counts, , sum] = table.tFoot.rows[0].cells;
  const whole = [counts.textContent, sum.title, sum.textContent];
  const summary = shown => {
    const of = kind => shown.filter(entry => entry.kind === kind).length;
    const others = of("other") ? ", " + counted(of("other"), "other") : "";
    const bytes = shown.reduce((sum, entry) => sum + entry.bytes, 0);
    return [`${counted(of("folder"), "folder")}, ${counted(of("file"), "file")}${others}`,
      counted(bytes, "byte"), human(bytes)];
  };

  const box = document.createElement("input");
  const found = document.createElement("output");
  box.type = "search";
  box.placeholder = "Filter names";
  box.title = "Words, or *.pdf; / to filter, Enter to open the only match, Esc to clear";
  box.setAttribute("aria-label", "Filter names");
  box.setAttribute("aria-keyshortcuts", "/");
  let shown = entries;
  box.oninput = () => {
    const tests = plain(box.value).split(/\s+/).filter(word => word).map(matcher);
    shown = entries.filter(({name}) => tests.every(test => test(name)));
    const left = new Set(shown);
    for (const entry of entries) entry.row.hidden = !left.has(entry);
    const [some, all] = [shown, entries].map(({length}) => length.toLocaleString("en"));
    found.textContent = tests.length ? `${some} of ${all}` : "";
    [counts.textContent, sum.title, sum.textContent] = tests.length ? summary(shown) : whole;
  };
  box.onkeydown = event => {
    // While letters are being composed, these keys belong to the input method.
    if (event.isComposing) return;
    if (event.key === "Enter") {
      if (shown.length === 1) shown[0].row.querySelector("a").click();
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (!box.value) box.blur();
      box.value = "";
      box.oninput();
    }
  };
  addEventListener("keydown", event => {
    const isShortcut = event.key === "/" && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!isShortcut || event.target === box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  document.querySelector("header").append(found, box);
})();
