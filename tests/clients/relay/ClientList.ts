// What Relay's own rules ask of a schema: connections that can be paged, and objects that can be fetched again.
import { graphql } from "relay-runtime";

export const query = graphql`
  query ClientListQuery($count: Int!, $cursor: String) {
    ...ClientList_page @arguments(count: $count, cursor: $cursor)
    viewer { office { id ...ClientList_unit @alias } }
  }
`;

export const page = graphql`
  fragment ClientList_page on Query
  @refetchable(queryName: "ClientListPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    clients(first: $count, after: $cursor) @connection(key: "ClientList_clients") {
      totalCount
      edges { node { id legalName ...ClientList_loans } }
    }
  }
`;

export const loans = graphql`
  fragment ClientList_loans on Client
  @refetchable(queryName: "ClientListLoansQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 3 }, cursor: { type: "String" }) {
    facilities(first: $count, after: $cursor, orderBy: [{ field: OUTSTANDING, direction: DESC }])
      @connection(key: "ClientList_facilities") {
      edges { node { reference outstanding { amount currency } } }
    }
  }
`;

export const unit = graphql`
  fragment ClientList_unit on OrganisationUnit @refetchable(queryName: "ClientListUnitQuery") {
    code
    name
    exposure { amount currency }
  }
`;
