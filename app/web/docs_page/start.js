// Swagger UI over our own document; it would ask a validator elsewhere about it, if it might.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
});
