(() => {
  const rows = [...document.querySelectorAll("tbody tr")].filter(row => row.querySelector("bdi"));
  if (rows.length < 2) return;
  const names = rows.map(row => row.cells[0].textContent.toLowerCase());
  const box = document.createElement("input");
  const found = document.createElement("output");
  box.type = "search";
  box.placeholder = "Filter names";
  box.setAttribute("aria-label", "Filter names");
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
  document.querySelector("header").append(found, box);
})();
