// PostGraphile 5 as its documentation would have it in production, on the same tables under the same row-level security.
//
// DATABASE_URL   the DSN of one of the bank's login roles: row-level security holds for it, as it does for branchgraph
// PORT           where to listen, on the loopback address
// CONNECTIONS    the most connections of the pool
import { createServer } from "node:http";
import { PgAggregatesPreset } from "@graphile/pg-aggregates";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { jsonPgSmartTags } from "postgraphile/utils";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

// Its names are in the singular: the kept row and the view over it would be one.
const NamesPlugin = jsonPgSmartTags({
  version: 1,
  config: { class: { "bank.client_facts": { tags: { name: "client_reckoned" } } } },
});

// The aggregates plugin counts distinct values only, which costs a sort; this is its documented way to add count().
const RowCountPlugin = {
  name: "RowCountPlugin",
  version: "1.0.0",
  after: ["PgAggregatesSpecsPlugin"],
  schema: {
    hooks: {
      build(build) {
        const { sql, dataplanPg } = build;
        build.pgAggregateSpecs.push({
          id: "count",
          humanLabel: "count",
          HumanLabel: "Count",
          isSuitableType: () => true,
          sqlAggregateWrap: (fragment) => sql`count(${fragment})`,
          isNonNull: true,
          pgTypeCodecModifier: () => dataplanPg.TYPES.bigint,
        });
        return build;
      },
    },
  },
};

const preset = {
  extends: [PostGraphileAmberPreset, PgAggregatesPreset, PostGraphileConnectionFilterPreset],
  plugins: [RowCountPlugin, NamesPlugin],
  // It would hide conditions and groups on columns without an index of their own: kind, creditGrade, status.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["bank"],
      poolConfig: { max: Number(process.env.CONNECTIONS) },
    }),
  ],
  // As branchgraph and the floor have it; the bank has an index for it.
  schema: { orderByNullsLast: true },
  grafserv: { graphiql: false, watch: false },
  grafast: {
    explain: false,
    // Only a caller in scope sends the header: headquarters' role needs no setting, and so no transaction.
    context(request) {
      const branches = request.node?.req.headers["x-branches"];
      return { pgSettings: branches ? { "app.branches": branches } : {} };
    },
  },
};

const server = createServer();
server.on("error", (problem) => {
  console.error(problem);
  process.exit(1);
});
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), "127.0.0.1");
