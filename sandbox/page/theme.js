// Runs before the page is drawn, so that a dark page does not flash white.
{
  const wanted = new URLSearchParams(location.search).get("theme") || localStorage.getItem("theme");
  const dark = wanted ? wanted === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  if (!wanted) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
      if (!localStorage.getItem("theme")) document.documentElement.dataset.theme = event.matches ? "dark" : "light";
    });
  }
}
