// What the pages do besides what HTML does by itself. Everything works without it.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) {
    document.cookie = "refundry_zone=" + encodeURIComponent(zone).replaceAll("%2F", "/") + ";path=/console/;max-age=31536000;samesite=lax";
  }
  document.documentElement.classList.add("script");
  // A choice is taken at once.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    // The second click waits; the key in the form makes it harmless anyhow.
    if (form.method === "post") {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "1";
    }
  });
  // A page that comes back from the browser's memory can be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim()).then(() => {
      button.classList.add("done");
    });
  });
})();
