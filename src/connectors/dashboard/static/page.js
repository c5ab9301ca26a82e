// Small comforts; every page works without them.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    const search = document.getElementById("q");
    if (search) { event.preventDefault(); search.focus(); }
  }
});
const all = document.getElementById("all");
if (all) all.hidden = false;
document.addEventListener("change", (event) => {
  if (event.target.id === "all")
    for (const box of document.querySelectorAll('#chosen input[name="id"]')) box.checked = event.target.checked;
  if (event.target.id === "sort" && event.target.form) event.target.form.submit();
});
