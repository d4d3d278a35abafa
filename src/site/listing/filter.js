(() => {
  const rows = [...document.querySelector("tbody").rows].filter(row => row.querySelector("bdi"));
  if (rows.length < 2) return;
  const names = rows.map(row => row.cells[0].textContent.toLowerCase());
  const box = document.createElement("input");
  const found = document.createElement("output");
  box.type = "search";
  box.placeholder = "Filter names";
  box.title = "/ to filter, Enter to open the only match, Esc to clear";
  box.setAttribute("aria-label", "Filter names");
  box.setAttribute("aria-keyshortcuts", "/");
  box.oninput = () => {
    const wanted = box.value.toLowerCase();
    let count = 0;
    rows.forEach((row, at) => {
      row.hidden = !names[at].includes(wanted);
      if (!row.hidden) count++;
    });
    const [some, all] = [count, rows.length].map(number => number.toLocaleString("en"));
    found.textContent = wanted && `${some} of ${all}`;
  };
  box.onkeydown = event => {
    // While letters are being composed, these keys belong to the input method.
    if (event.isComposing) return;
    if (event.key === "Enter") {
      const shown = rows.filter(row => !row.hidden);
      if (shown.length === 1) shown[0].querySelector("a").click();
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
