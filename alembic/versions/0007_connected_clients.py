"""Connected clients: links between companies, the rule by which they make groups, and what was derived.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenants.ddl import IN_SCOPE, Access, reference_table, tenant_table
from tenants.roles import PORTAL

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The application refuses these with a value; this refuses whoever goes around it. Two who record holdings of one
# company at the same time wait for each other; what the second then adds up holds what the first committed.
# A lock for each company would fill the table of locks in an import: they share 256.
LINKS_ARE_POSSIBLE = (
    """
    create function app.client_link_is_possible() returns trigger language plpgsql as $$
    declare
        shared int;
        wrong text;
    begin
        select written.reference into wrong
        from written join bank.client on client.branch_id = written.branch_id and client.id = written.client_id
        where client.registration_country = written.related_country
        and client.registration_number = written.related_number
        limit 1;
        if wrong is not null then
            raise exception 'link % leads from a company to itself', wrong
                using errcode = 'check_violation', constraint = 'ck_client_link_not_to_itself';
        end if;
        for shared in
            select distinct abs(hashtext(case when written.direction = 'OUTWARD'
                then written.related_number else client.registration_number end) % 256)
            from written join bank.client on client.branch_id = written.branch_id and client.id = written.client_id
            where written.kind = 'OWNERSHIP'
            order by 1
        loop
            perform pg_advisory_xact_lock(hashtext('branchgraph holdings'), shared);
        end loop;
        select total.country || ' ' || total.number into wrong
        from (
            select distinct written.branch_id,
                case when written.direction = 'OUTWARD' then written.related_country
                    else client.registration_country end as country,
                case when written.direction = 'OUTWARD' then written.related_number
                    else client.registration_number end as number
            from written join bank.client on client.branch_id = written.branch_id and client.id = written.client_id
            where written.kind = 'OWNERSHIP'
        ) held
        cross join lateral app.most_held(held.branch_id, held.country, held.number) total
        where total.share > 1 + 0.0000005 * total.holders
        limit 1;
        if wrong is not null then
            raise exception 'the holders of % would own more than the whole of it', wrong
                using errcode = 'check_violation', constraint = 'ck_client_link_within_the_whole';
        end if;
        return null;
    end $$
    """,
    """
    create trigger client_link_is_possible after insert on bank.client_link
    referencing new table as written for each statement execute function app.client_link_is_possible()
    """,
    """
    create trigger client_link_stays_possible after update on bank.client_link
    referencing new table as written for each statement execute function app.client_link_is_possible()
    """,
)

# What a branch records is its claim: under the portal's login nothing is imported or confirmed, and what is may be
# ended earlier, but neither changed nor made longer.
BRANCHES_ONLY_CLAIM = (
    """
    create function app.client_link_is_no_claim() returns trigger language plpgsql as $$
    begin
        raise exception 'link % would count as confirmed: a branch only claims links, headquarters confirms them',
            new.reference using errcode = 'insufficient_privilege';
    end $$
    """,
    f"""
    create trigger client_link_is_recorded_as_a_claim before insert on bank.client_link for each row
    when (current_user = '{PORTAL}' and (new.recorded_by is null or new.confirmed_by is not null))
    execute function app.client_link_is_no_claim()
    """,
    f"""
    create trigger client_link_stays_a_claim before update on bank.client_link for each row
    when (
        current_user = '{PORTAL}' and (new.recorded_by is null or new.confirmed_by is not null)
        and (
            coalesce(new.valid_until, 'infinity') > coalesce(old.valid_until, 'infinity')
            or (
                new.branch_id, new.client_id, new.kind, new.direction, new.related_country, new.related_number,
                new.share, new.valid_from, new.recorded_by, new.confirmed_by
            ) is distinct from (
                old.branch_id, old.client_id, old.kind, old.direction, old.related_country, old.related_number,
                old.share, old.valid_from, old.recorded_by, old.confirmed_by
            )
        )
    )
    execute function app.client_link_is_no_claim()
    """,
)

OWN_ROWS = "client_id = any (app.clients())"
# What the bank suspects is not told to the suspect.
NOT_SUSPECTED = "kind not in ('MISUSE', 'RELATED_PARTY_ABUSE')"

# A holding may be recorded at the holder and at what it holds, by several sources: a holder counts once, with the
# most that is said. The sum can only rise on a day on which some holding begins.
MOST_HELD = """
    create function app.most_held(branch int, country text, number text)
    returns table (country text, number text, share numeric, holders int) stable language sql
    begin atomic
        with holding as (
            select holder.registration_country as country, holder.registration_number as number,
                link.share, link.valid_from, link.valid_until
            from bank.client_link link
            join bank.client holder on holder.branch_id = link.branch_id and holder.id = link.client_id
            where link.branch_id = most_held.branch and link.related_number = most_held.number
            and link.related_country = most_held.country
            and link.kind = 'OWNERSHIP' and link.direction = 'OUTWARD'
            union all
            select link.related_country, link.related_number, link.share, link.valid_from, link.valid_until
            from bank.client held
            join bank.client_link link on link.branch_id = held.branch_id and link.client_id = held.id
            where held.branch_id = most_held.branch and held.registration_number = most_held.number
            and held.registration_country = most_held.country
            and link.kind = 'OWNERSHIP' and link.direction = 'INWARD'
        )
        select most_held.country, most_held.number, total.share, total.holders
        from (select distinct holding.valid_from as day from holding) begun
        cross join lateral (
            select sum(largest.share) as share, count(*)::int as holders
            from (
                select max(holding.share) as share from holding
                where holding.valid_from <= begun.day
                and (holding.valid_until is null or holding.valid_until > begun.day)
                group by holding.country, holding.number
            ) largest
        ) total
        order by total.share desc nulls last
        limit 1;
    end
"""

# Level by level, each a row of the recursion that holds the companies of that level and all seen so far: so none
# is walked from twice, circles end, and no level begins once `most` are found. Links are those of the bank's day,
# in the caller's sight; a company is shown as the client that the same branch keeps, else another in sight.
RELATED = """
    create function app.related(branch int, client uuid, depth int, most int)
    returns table (
        country text, number text, name text, distance int, kinds text[], branch_id int, client_id uuid
    )
    stable parallel safe language sql
    begin atomic
        with recursive walk (distance, countries, numbers, names, ways, seen) as (
            select 0, array[start.registration_country], array[start.registration_number],
                array[start.legal_name], array[''], array[start.registration_country || start.registration_number]
            from bank.client start
            where start.branch_id = related.branch and start.id = related.client
            union all
            select walk.distance + 1, next.countries, next.numbers, next.names, next.ways, walk.seen || next.keys
            from walk
            cross join lateral (
                select array_agg(found.country) as countries, array_agg(found.number) as numbers,
                    array_agg(found.name) as names, array_agg(found.way) as ways,
                    array_agg(found.country || found.number) as keys
                from (
                    select distinct on (step.country, step.number) step.country, step.number, step.name,
                        here.way || ' ' || step.kind as way
                    from unnest(walk.countries, walk.numbers, walk.ways) as here (country, number, way)
                    cross join lateral (
                        select link.related_country as country, link.related_number as number,
                            link.related_name as name, link.kind, link.valid_from, link.valid_until
                        from bank.client own
                        join bank.client_link link on link.branch_id = own.branch_id and link.client_id = own.id
                        where own.registration_number = here.number and own.registration_country = here.country
                        union all
                        select other.registration_country, other.registration_number,
                            other.legal_name, link.kind, link.valid_from, link.valid_until
                        from bank.client_link link
                        join bank.client other on other.branch_id = link.branch_id and other.id = link.client_id
                        where link.related_number = here.number and link.related_country = here.country
                    ) step
                    where step.valid_from <= (select app.today())
                    and (step.valid_until is null or step.valid_until > (select app.today()))
                    and not step.country || step.number = any (walk.seen)
                    order by step.country, step.number, here.way || ' ' || step.kind, step.name
                    limit related.most + 1 - cardinality(walk.seen)
                ) found
            ) next
            where walk.distance < related.depth and next.keys is not null
        )
        select found.country, found.number, coalesce(kept.legal_name, found.name), walk.distance,
            string_to_array(ltrim(found.way), ' '), kept.branch_id, kept.id
        from walk
        cross join lateral unnest(walk.countries, walk.numbers, walk.names, walk.ways)
            as found (country, number, name, way)
        left join lateral (
            select client.branch_id, client.id, client.legal_name from bank.client
            where client.registration_number = found.number and client.registration_country = found.country
            order by client.branch_id <> related.branch, client.branch_id
            limit 1
        ) kept on true
        where walk.distance > 0
        order by walk.distance, found.country, found.number;
    end
"""


def upgrade() -> None:
    _links()
    _rule()
    _derivations()
    op.execute(
        f"alter policy client on bank.credit_event using ({IN_SCOPE} and {OWN_ROWS} and {NOT_SUSPECTED})"
    )


def downgrade() -> None:
    op.execute(f"alter policy client on bank.credit_event using ({IN_SCOPE} and {OWN_ROWS})")
    op.execute("drop function app.related(int, uuid, int, int)")
    op.execute("drop function app.most_held(int, text, text)")
    for table in ("group_derivation", "connection_rule", "client_link"):
        op.drop_table(table, schema="bank")
    op.execute("drop function app.client_link_is_possible()")
    op.execute("drop function app.client_link_is_no_claim()")


def _links() -> None:
    tenant_table(
        "client_link",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("related_country", sa.Text(), nullable=False),
        sa.Column("related_number", sa.Text(), nullable=False),
        sa.Column("related_name", sa.Text(), nullable=True),
        sa.Column("share", sa.Numeric(9, 6), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('OWNERSHIP', 'CONTROL', 'GUARANTEE')", name=op.f("ck_client_link_kind_known")
        ),
        sa.CheckConstraint("direction in ('OUTWARD', 'INWARD')", name=op.f("ck_client_link_direction_known")),
        sa.CheckConstraint("related_country ~ '^[A-Z]{2}$'", name=op.f("ck_client_link_country_iso_3166")),
        sa.CheckConstraint(
            "(share is not null) = (kind = 'OWNERSHIP')", name=op.f("ck_client_link_share_of_ownership")
        ),
        sa.CheckConstraint("share > 0 and share <= 1", name=op.f("ck_client_link_share_is_a_fraction")),
        sa.CheckConstraint(
            "amount_minor is null or kind = 'GUARANTEE'", name=op.f("ck_client_link_amount_of_guarantee")
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_client_link_amount_not_negative")),
        sa.CheckConstraint(
            "(amount_minor is null) = (currency is null)", name=op.f("ck_client_link_amount_has_currency")
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_client_link_ends_after_it_begins")),
        sa.CheckConstraint("confirmed_by <> recorded_by", name=op.f("ck_client_link_confirmed_by_another")),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_client_link_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_client_link_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_client_link_currency"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_client_link"),
        sa.UniqueConstraint(
            "branch_id", "source", "reference", name="uq_client_link_branch_id_source_reference"
        ),
        access=Access(portal=("insert", "update"), client_rows=None),
    )
    op.create_index(
        "ix_client_link_branch_id_client_id",
        "client_link",
        ["branch_id", "client_id", "valid_from", "id"],
        schema="bank",
    )
    op.create_index(
        "ix_client_link_related",
        "client_link",
        ["related_number", "related_country", "branch_id"],
        schema="bank",
    )
    op.execute(RELATED)
    op.execute(MOST_HELD)
    for statement in (*LINKS_ARE_POSSIBLE, *BRANCHES_ONLY_CLAIM):
        op.execute(statement)


def _rule() -> None:
    reference_table(
        "connection_rule",
        sa.Column("singleton", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("control_share", sa.Numeric(9, 6), server_default="0.5", nullable=False),
        sa.Column("guarantees_connect", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_connection_rule_one_row")),
        sa.CheckConstraint(
            "control_share >= 0 and control_share < 1",
            name=op.f("ck_connection_rule_control_share_is_a_fraction"),
        ),
        sa.PrimaryKeyConstraint("singleton", name="pk_connection_rule"),
    )
    op.execute("insert into bank.connection_rule default values")


def _derivations() -> None:
    tenant_table(
        "group_derivation",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("derived_by", sa.Text(), nullable=False),
        sa.Column("derived_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("control_share", sa.Numeric(9, 6), nullable=False),
        sa.Column("guarantees_connect", sa.Boolean(), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("companies", sa.Integer(), nullable=False),
        sa.Column("groups", sa.Integer(), nullable=False),
        sa.Column("clients", sa.Integer(), nullable=False),
        sa.Column("clients_changed", sa.Integer(), nullable=False),
        sa.Column("last_group_no", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_group_derivation_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_group_derivation"),
        access=Access(headquarters=("insert",), client_rows=None),
    )
    op.create_index(
        "ix_group_derivation_branch_id_derived_at",
        "group_derivation",
        ["branch_id", "derived_at", "id"],
        schema="bank",
    )
