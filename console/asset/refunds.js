// Keys of the list of refunds: / goes to the search box.
(() => {
  "use strict";
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const box = document.querySelector("[data-slash]");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
})();
