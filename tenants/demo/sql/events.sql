insert into bank.credit_event (
    branch_id, id, client_id, facility_id, kind, occurred_on, currency, amount_minor, source, reference, created_at
)
select
    branch_id, id, client_id, pg_temp.id('facility', facility_no), kind, occurred_on,
    case when amount_minor is not null then 'CNY' end, amount_minor, 'demo',
    'F-' || lpad(n::text, 8, '0') || '-' || k || suffix, occurred_on + time '20:00'
from (
    -- On the thirty-first day.
    select
        branch_id, n, k, client_id, facility_no, pg_temp.id('late', posting_no) as id, 'LATE_PAYMENT' as kind,
        due_on + 31 as occurred_on, principal_minor + interest_minor as amount_minor, '-' || instalment as suffix
    from draft_posting
    where coalesce(paid_on, pg_temp.today() + 1) > due_on + 30 and due_on + 31 <= pg_temp.today()
    union all
    select
        branch_id, n, k, client_id, facility_no, pg_temp.id(event, facility_no),
        case event when 'default' then 'DEFAULT' else 'CHARGE_OFF' end, stops_on + days, outstanding_minor, ''
    from draft_facility
    join standing using (facility_no)
    cross join (values ('default', 91), ('charge-off', 365)) as then_happens (event, days)
    where undrawn is null and stops_on + days <= pg_temp.today()
    union all
    -- Some debts were put on new terms instead of being called.
    select
        branch_id, n, k, client_id, facility_no, pg_temp.id('restructured', facility_no), 'RESTRUCTURED',
        date '2024-11-20' - floor(300 * pg_temp.chance(facility_no, 'restructured on'))::int, outstanding_minor, ''
    from draft_facility
    join standing using (facility_no)
    where facility_status = 'ACTIVE' and grade = 'C' and disbursed_on < date '2024-01-01'
        and pg_temp.chance(facility_no, 'restructured') < .05
    union all
    select
        branch_id, n, k, client_id, facility_no, pg_temp.id('paid', facility_no), 'PAID_IN_FULL', last_paid_on,
        drawn_minor, ''
    from draft_facility
    join standing using (facility_no)
    where facility_status = 'REPAID'
    union all
    -- What a client did that it should not have done, and what it asks for when it thinks of leaving.
    select
        branch_id, n, k, client_id, facility_no, pg_temp.id(event, facility_no), kind,
        pg_temp.today() - floor(
            least(days, pg_temp.today() - disbursed_on) * pg_temp.chance(facility_no, event || ' on')
        )::int,
        null, ''
    from draft_facility
    join (select n, leaves, wavers from draft_behaviour) as behaviour using (n)
    cross join (values
        ('misuse', 'MISUSE', 1000, .005, .005), ('related party', 'RELATED_PARTY_ABUSE', 1000, .004, .004),
        ('covenant', 'COVENANT_DEFAULT', 1000, .008, .008), ('prepayment', 'PREPAYMENT_REQUEST', 190, .012, .55),
        ('refinancing', 'REFINANCING_REQUEST', 190, .008, .50), ('cancelled', 'LINE_CANCELLED', 380, .004, .25)
    ) as then_happens (event, kind, days, usually, when_leaving)
    where k = 1 and disbursed_on < pg_temp.today() - 60 and undrawn is null and status = 'ACTIVE'
        and pg_temp.chance(n, event) < case when leaves then when_leaving else usually end
) as event
order by branch_id, event.id;
