// The certified OpenID provider `oidc-provider` with its defaults, and a person whose claims are those of OpenID
// Connect Core 5.4. Clients register themselves. `node provider.mjs [claims]` prints the issuer's URL when it listens;
// with `claims` it supports the parameter of that name.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const person = (id) => ({
  sub: id,
  email: `${id}@example.com`,
  email_verified: true,
  name: "By Oidc Provider",
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    features: {
      claimsParameter: { enabled: process.argv[2] === "claims" },
      jwtUserinfo: { enabled: true },
      registration: { enabled: true },
    },
    findAccount: (_, id) => ({ accountId: id, claims: () => person(id) }),
  });
  server.on("request", provider.callback());
  console.log(url);
});
