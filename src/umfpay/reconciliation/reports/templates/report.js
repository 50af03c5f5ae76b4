"use strict";
document.documentElement.classList.add("is-alive");
const english = document.getElementById("en");
if (english && !navigator.language.toLowerCase().startsWith("zh")) english.checked = true;
for (const input of document.querySelectorAll("input[type=search]")) {
  const rows = input.closest("section").querySelectorAll("tbody tr");
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
for (const head of document.querySelectorAll("th[data-sort]")) {
  head.tabIndex = 0;
  const sort = () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const value = (row) => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent;
    const compare = (one, other) => value(one).localeCompare(value(other), undefined, { numeric: true });
    const number = (row) => Number(value(row) || 0);
    const by = head.dataset.sort === "number" ? (one, other) => number(one) - number(other) : compare;
    body.append(...[...body.rows].sort((one, other) => (down ? by(other, one) : by(one, other))));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
}
