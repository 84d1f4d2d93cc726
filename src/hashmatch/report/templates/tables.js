// Tables that sort by a click on a heading, and show the rows that hold what is typed. Without
// script they are plain tables in the order of the scan.
"use strict";
for (const table of document.querySelectorAll("table.live")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const tools = table.closest("section").querySelector(".tools");
  const [input, count] = [tools.querySelector("input"), tools.querySelector("output")];

  const text = (row, column) => row.cells[column].textContent;
  const number = (row, column) => Number(row.cells[column].dataset.value ?? text(row, column));
  const compare = (column, numeric) => (a, b) =>
    numeric
      ? number(a, column) - number(b, column)
      : text(a, column).localeCompare(text(b, column), undefined, { numeric: true });

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word));
      shown += !row.hidden;
    }
    count.value = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  };

  for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = compare(column, heading.classList.contains("number"));
      body.append(...rows.toSorted(down ? (a, b) => order(b, a) : order));
    });
  }
  input.addEventListener("input", filter);
  tools.hidden = false;
  filter();
}
