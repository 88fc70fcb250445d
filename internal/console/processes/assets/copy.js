// The button beside a link that is shown once.

const button = document.getElementById("copy");
const link = document.getElementById("secret-link");

if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(link.value);
      button.textContent = button.dataset.done;
    } catch {
      link.select(); // the browser does not let us: the person can
    }
  });
}
link?.addEventListener("focus", () => link.select());
