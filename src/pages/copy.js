// The buttons beside commands and queries.
(() => {
  "use strict";
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    const before = button.textContent;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "✓";
      } catch {
        getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      }
      setTimeout(() => { button.textContent = before; }, 1500);
    });
  }
})();
