// Walks all pages of a list with urql; prints how many rows came, how often, and how many there are.
import { Client, fetchExchange, gql } from "@urql/core";

const client = new Client({
  url: process.env.SERVED_AT,
  exchanges: [fetchExchange],
  fetchOptions: { headers: { authorization: `Bearer ${process.env.SERVED_TOKEN}` } },
  preferGetMethod: process.env.SERVED_BY_GET === "1",
});
const PAGE = gql`
  query Page($after: String) {
    clients(first: 3, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { node { id legalName } }
    }
  }
`;

const seen = new Set();
let after = null;
let pages = 0;
let total;
do {
  const { data, error } = await client.query(PAGE, { after }).toPromise();
  if (error) throw error;
  data.clients.edges.forEach(({ node }) => seen.add(node.id));
  total = data.clients.totalCount;
  after = data.clients.pageInfo.hasNextPage ? data.clients.pageInfo.endCursor : null;
  pages += 1;
} while (after);
console.log(JSON.stringify({ seen: seen.size, pages, total }));
