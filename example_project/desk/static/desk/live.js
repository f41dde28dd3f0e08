"use strict";

const job = document.getElementById("job");
const state = document.getElementById("state");
const progress = document.getElementById("progress");
const reason = document.getElementById("reason");

function show(now) {
  state.textContent = now.state.toLowerCase();
  state.className = `state ${now.state.toLowerCase()}`;
  document.getElementById("message").textContent = now.message;
  reason.textContent = now.reason;
  reason.hidden = !now.reason;
  if (now.total) {
    progress.max = now.total;
    progress.value = now.done;
  }
}

const source = new EventSource(job.dataset.events);
document.getElementById("live").textContent = "This page follows the job.";
source.addEventListener("state", (event) => show(JSON.parse(event.data)));
source.addEventListener("end", () => {
  // Else the browser would connect again for ever.
  source.close();
  location.reload();
});
