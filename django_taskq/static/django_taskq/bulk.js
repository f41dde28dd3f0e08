// Goes on with a bulk by itself: presses "Continue" half a second after each page has come. Without it the reader does.
document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("taskq-continue");
  if (!button) {
    return;
  }
  const timer = setTimeout(() => button.form.requestSubmit(button), 500);
  for (const stop of document.querySelectorAll("[data-taskq-stop]")) {
    stop.addEventListener("click", () => clearTimeout(timer));
    stop.addEventListener("focus", () => clearTimeout(timer));
  }
});
