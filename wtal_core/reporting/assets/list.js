"use strict";
// The run page: filters of the list of videos, and of the parameters.

const byId = (id) => document.getElementById(id);
const cards = [...byId("cards").children];

function filter() {
  const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const place = byId("class").value;
  const subset = byId("subset").value;
  let left = 0;
  for (const card of cards) {
    const fits =
      words.every((word) => card.dataset.words.includes(word)) &&
      (place === "" || card.dataset.places.includes(` ${place} `)) &&
      (subset === "" || card.dataset.subset === subset);
    card.hidden = !fits;
    left += fits;
  }
  byId("count").textContent = `${left} of ${cards.length} videos`;
  byId("nothing").hidden = left > 0;
}

for (const id of ["words", "class", "subset"]) byId(id).addEventListener("input", filter);
byId("filter").addEventListener("submit", (event) => event.preventDefault());
filter(); // a browser may bring back what was typed before a reload

const differing = byId("differing");
if (differing) {
  const rows = [...byId("params").tBodies[0].rows];
  const sift = () => {
    for (const row of rows) row.hidden = differing.checked && row.dataset.differs === "no";
    byId("alike").hidden = rows.some((row) => !row.hidden);
  };
  differing.addEventListener("input", sift);
  sift();
}
