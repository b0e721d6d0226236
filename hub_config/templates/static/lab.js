// While a workbench is being prepared: asks every while how far it is, and goes on when there is something else to show.
const PAUSE_MS = 300;

// The page of the workbench as it would be now; null while the hub is away.
async function asked() {
  try {
    const answer = await fetch("/hub/lab", { credentials: "same-origin" });
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null;
  }
}

async function follow() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const page = await asked();
    if (page === null || page.querySelector('[role="progressbar"]') !== null) continue;
    // The way in holds for one visit only, and this page was the visit; a page with words is asked for again, to be shown.
    const onward = page.querySelector('meta[http-equiv="refresh"][content^="0;url="]');
    globalThis.location.replace(onward === null ? "/hub/lab" : onward.getAttribute("content").slice("0;url=".length));
    return;
  }
}

follow();
