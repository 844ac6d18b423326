// Starts Swagger UI on this app's document. A token that is given stays in this browser until it is taken back.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const showDark = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", showDark);
showDark();
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
