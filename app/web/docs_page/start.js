// Swagger UI for our own document; `validatorUrl: null` keeps it from sending the URL to an external validator.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
});
