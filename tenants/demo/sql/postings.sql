insert into bank.posting (
    branch_id, id, client_id, facility_id, kind, due_on, paid_on, currency, principal_minor, interest_minor,
    created_at
)
select
    branch_id,
    pg_temp.id('posting', posting_no),
    client_id,
    pg_temp.id('facility', facility_no),
    kind,
    due_on,
    paid_on,
    'CNY',
    principal_minor,
    interest_minor,
    coalesce(paid_on, due_on) + time '18:00'
from draft_posting
order by branch_id, posting_no;
