"use strict";
// Keeps the page of a job up to date: asked for once a second while it is looked at, and loaded anew at the end.
(function () {
  const box = document.querySelector(".drf-commons-job[data-active]");
  if (box === null) {
    return;
  }
  const show = (name, text) => {
    const place = box.querySelector(`[data-field="${name}"]`);
    if (place !== null && place.textContent !== text) {
      place.textContent = text;
    }
  };
  const ask = async () => {
    if (!document.hidden) {
      const answer = await fetch(box.dataset.progressUrl, { credentials: "same-origin" }).catch(() => null);
      if (answer !== null && answer.ok) {
        const job = await answer.json();
        if (!job.is_active) {
          location.reload();
          return;
        }
        box.querySelector("progress").value = job.percent ?? 0;
        show("label", job.label.charAt(0).toUpperCase() + job.label.slice(1));
        show("numbers", job.total === null ? String(job.rows) : `${job.rows} / ${job.total}`);
        show("speed", job.rows_per_second === null ? "" : `${job.rows_per_second} / s`);
      }
    }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 1000);
})();
