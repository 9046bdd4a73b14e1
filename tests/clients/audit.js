// Runs the audits of GraphQL over HTTP; prints the result of each.
import { serverAudits } from "graphql-http";

const authorization = `Bearer ${process.env.SERVED_TOKEN}`;
const audits = serverAudits({
  url: process.env.SERVED_AT,
  fetchFn: (url, init = {}) => fetch(url, { ...init, headers: { ...init.headers, authorization } }),
});
const results = [];
for (const audit of audits) {
  const { status, name, reason } = await audit.fn();
  results.push({ id: audit.id, status, name, reason });
}
console.log(JSON.stringify(results));
