// What a front-end team writes: typed documents, and the types that follow from them.
import { graphql, useFragment } from "./gql";
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";

export const LoanParts = graphql(`
  fragment LoanParts on Facility {
    reference
    status
    annualRate
    outstanding { amount currency }
    postings(last: 3, where: { paidOn: { isNull: true } }) { nodes { dueOn daysLate } }
  }
`);

export const Clients = graphql(`
  query Clients($first: Int!, $after: String, $where: ClientWhere, $order: [ClientOrder!]) {
    clients(first: $first, after: $after, where: $where, orderBy: $order) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        __typename
        id
        legalName
        registeredCapital { amount currency }
        facilities(first: 2) { nodes { ...LoanParts } }
      }
      groups(by: [{ field: CREDIT_GRADE }]) { key { creditGrade } aggregates { count } }
    }
  }
`);

export const Things = graphql(`
  query Things($ids: [ID!]!) {
    nodes(ids: $ids) { __typename id ... on Client { legalName } ... on Facility { reference } }
  }
`);

export const Register = graphql(`
  mutation Register($input: RegisterClientInput!) {
    registerClient(input: $input) {
      __typename
      ... on RegisterClientSuccess { client { id } }
      ... on UserError { code message path }
    }
  }
`);

export const variables: VariablesOf<typeof Clients> = {
  first: 2,
  where: { creditGrade: { in: ["A", "B"] }, facilities: { some: { limit: { currency: "CNY", gt: "1" } } } },
  order: [{ branch: { field: "NAME" }, direction: "DESC", nulls: "LAST" }],
};

export function owed(found: ResultOf<typeof Clients>): string[] {
  return found.clients.nodes.flatMap((client) =>
    client.facilities.nodes.map((node) => {
      const loan = useFragment(LoanParts, node);
      const days: number | null | undefined = loan.postings.nodes[0]?.daysLate;
      return `${client.legalName}: ${loan.outstanding.amount} ${days ?? 0}`;
    }),
  );
}

export function told(done: ResultOf<typeof Register>): string {
  const payload = done.registerClient;
  if (payload?.__typename === "RegisterClientSuccess") return payload.client.id;
  return payload?.message ?? "";
}

// @ts-expect-error a grade that does not exist
export const mistaken: VariablesOf<typeof Clients> = { first: 2, where: { creditGrade: { eq: "Z" } } };

export function wrong(found: ResultOf<typeof Clients>): string {
  // @ts-expect-error a field that was not asked for
  return found.clients.nodes[0]!.city;
}
