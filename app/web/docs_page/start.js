// Swagger UI for our own document; `validatorUrl: null` keeps it from sending the URL to an external validator.
// Calls go to the host that served this page: the policy allows no other, even the service under its public name.
fetch("/openapi.json")
  .then((response) => response.json())
  .then((document) =>
    SwaggerUIBundle({
      spec: { ...document, servers: [{ url: location.origin }] },
      dom_id: "#operations",
      deepLinking: true,
      docExpansion: "list",
      validatorUrl: null,
    }),
  );
