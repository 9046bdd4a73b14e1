insert into bank.credit_event (
    branch_id, id, client_id, facility_id, kind, occurred_on, currency, amount_minor, source, reference, created_at
)
select
    branch_id, id, client_id, pg_temp.id('facility', facility_no), kind, occurred_on, 'CNY', amount_minor, 'demo',
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
) as event
order by branch_id, event.id;
